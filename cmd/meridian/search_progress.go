package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"meridian/internal/search/indexer"
)

// searchProgress shows the progress of jobs: a bar on a terminal, otherwise a line every few seconds.
type searchProgress struct {
	out  io.Writer
	bar  *progressbar.ProgressBar
	told time.Time
}

func newSearchProgress(out io.Writer, kind indexer.JobKind) *searchProgress {
	p := &searchProgress{out: out, told: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions64(1, progressbar.OptionSetWriter(file), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("products"), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetDescription(string(kind)), progressbar.OptionClearOnFinish())
	}
	return p
}

func (p *searchProgress) report(done, total int64) {
	switch {
	case total == 0: // no job has begun
	case p.bar != nil:
		p.bar.ChangeMax64(max(total, done))
		_ = p.bar.Set64(done) // a bar that cannot be drawn must not end the command
	case time.Since(p.told) >= progressEvery:
		p.told = time.Now()
		fmt.Fprintf(p.out, "%d of %d products\n", done, total)
	}
}

func (p *searchProgress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
