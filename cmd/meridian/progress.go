package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressEvery is the time between two lines of progress.
const progressEvery = 5 * time.Second

// A progress shows how far a command is: a bar on a terminal, otherwise a line every progressEvery.
type progress struct {
	out     io.Writer
	bar     *progressbar.ProgressBar
	written time.Time
}

// newProgress returns a progress that writes to out, which draws a bar with the options if out is a terminal.
func newProgress(out io.Writer, options ...progressbar.Option) *progress {
	p := &progress{out: out, written: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions64(1, append(options, progressbar.OptionSetWriter(file),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())...)
	}
	return p
}

// report shows that done of total is done; the line, in Printf's form, stands for it where there is no bar.
func (p *progress) report(done, total int64, format string, args ...any) {
	switch {
	case total == 0: // nothing has begun
	case p.bar != nil:
		p.bar.ChangeMax64(max(total, done))
		_ = p.bar.Set64(done) // a bar that cannot be drawn must not end the command
	case time.Since(p.written) >= progressEvery:
		p.written = time.Now()
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
