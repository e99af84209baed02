package local

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ProcessConfig configures a shop in a process of its own. Dir is required.
type ProcessConfig struct {
	// Executable is the meridian binary; this process's own by default.
	Executable string
	// Dir is the folder of the shop's data.
	Dir string
	// Args are further flags of `meridian up`.
	Args []string
	// Log gets what the process prints.
	Log io.Writer
}

// Process is a shop in a process of its own: `meridian up` as a child.
type Process struct {
	// Address is where the shop is reached.
	Address Address

	cmd    *exec.Cmd
	last   *tail
	exited chan struct{}
	err    error // of the exit, once exited is closed
}

// StartProcess opens a shop in a process of its own, on free ports, and returns when it is ready. If the process ends
// before, the error holds its last output. ctx bounds the start only: the process runs until Stop. It does not
// receive the terminal's Ctrl-C.
func StartProcess(ctx context.Context, c ProcessConfig) (*Process, error) {
	executable, err := os.Executable()
	if c.Executable == "" && err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &Process{last: new(tail), exited: make(chan struct{})}
	// Few clients buy as a crowd there: they hold more than a client may elsewhere.
	args := append([]string{"up", "--port", "0", "--dir", c.Dir, "--no-unpaid-limits"}, c.Args...)
	p.cmd = exec.Command(cmp.Or(c.Executable, executable), args...)
	out := io.Writer(p.last)
	if c.Log != nil {
		out = io.MultiWriter(p.last, c.Log)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a shop: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	if p.Address, err = p.awaitOpen(ctx, c.Dir); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, errors.Join(err, p.Stop(ctx))
	}
	return p, nil
}

// openEvery is how often the folder of a starting shop is checked.
const openEvery = 50 * time.Millisecond

// awaitOpen waits until the process has published its address, and returns it.
func (p *Process) awaitOpen(ctx context.Context, dir string) (Address, error) {
	for {
		address, err := Opened(dir)
		switch {
		case err == nil && address.PID == p.PID():
			return address, nil
		case err != nil && !errors.Is(err, ErrClosed):
			return Address{}, err
		}
		select {
		case <-p.exited:
			return Address{}, fmt.Errorf("the shop ended before it was ready (%w): %s", cmp.Or(p.err, errors.New("exit status 0")), p.last)
		case <-ctx.Done():
			return Address{}, fmt.Errorf("start a shop: %w; it said: %s", ctx.Err(), p.last)
		case <-time.After(openEvery):
		}
	}
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited returns a channel that is closed when the process has ended, by Stop or by itself.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop closes the shop and waits until its process has ended. If ctx ends first, the process is killed. It returns an
// error if the shop did not close cleanly.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the shop: %w", err)
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill() // it may have ended by now
		<-p.exited
		return fmt.Errorf("stop the shop: %w", ctx.Err())
	}
	if p.err != nil {
		return fmt.Errorf("the shop ended with %w: %s", p.err, p.last)
	}
	return nil
}

// tailBytes is how much of a process's output is kept.
const tailBytes = 4 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the end of text.
func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-tailBytes):])
	return len(text), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
