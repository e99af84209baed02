package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress reports how far a command is: a bar on a terminal, else a line every few seconds. It is safe for concurrent
// use.
type progress struct {
	out io.Writer

	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil where out is no terminal
	told time.Time
}

// progressEvery is how often a line is written.
const progressEvery = 5 * time.Second

func newProgress(out io.Writer, options ...progressbar.Option) *progress {
	p := &progress{out: out, told: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions64(1, append([]progressbar.Option{
			progressbar.OptionSetWriter(file), progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(),
		}, options...)...)
	}
	return p
}

// step reports that a step of the command begins.
func (p *progress) step(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe(name)
		return
	}
	fmt.Fprintln(p.out, name)
}

// report draws the bar, or writes the line if one is due.
func (p *progress) report(done, total int64, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.ChangeMax64(max(total, done))
		_ = p.bar.Set64(done) // a bar that cannot be drawn must not end the command
		return
	}
	if time.Since(p.told) >= progressEvery {
		p.told = time.Now()
		fmt.Fprintln(p.out, line)
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
