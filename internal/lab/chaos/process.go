package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meridian/internal/database/embedded"
)

// process is a `meridian …` that can be killed and started again. It is safe for concurrent use.
type process struct {
	name       string
	executable string
	args       []string
	env        []string
	log        string // the file that gets what it prints, in all its lives

	mu    sync.Mutex
	order chan syscall.Signal // ends the process for good; nil while it is not meant to run
	ended chan struct{}       // closed when that is done

	crashes atomic.Int64 // lives that ended by themselves, and not for want of a database at the start
}

// newProcess makes a process of the binary; nothing runs yet. Besides env it gets none of the caller's settings, which
// would make a different shop of it.
func newProcess(executable, dir, name string, env []string, args ...string) *process {
	var base []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			base = append(base, name+"="+value)
		}
	}
	return &process{
		name: name, executable: executable, args: args, env: slices.Concat(base, env), log: filepath.Join(dir, name+".log"),
	}
}

// start runs the process until kill or stop. One that ends by itself, as a pod does that finds no database at its
// start, is started again, as an orchestrator would. It does nothing if the process runs.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.order != nil {
		return nil
	}
	first, err := p.launch()
	if err != nil {
		return err
	}
	order, ended := make(chan syscall.Signal, 1), make(chan struct{})
	go func() {
		defer close(ended)
		p.keep(first, order)
	}()
	p.order, p.ended = order, ended
	return nil
}

// restartPause is the time before a process that ended by itself is started again.
const restartPause = 200 * time.Millisecond

// keep keeps a child running until it is ordered to end.
func (p *process) keep(c *child, order <-chan syscall.Signal) {
	for {
		select {
		case signal := <-order:
			c.end(signal)
			return
		case <-c.exited:
		}
		if c.crashed() {
			p.crashes.Add(1)
		}
		select {
		case <-order:
			return
		case <-time.After(restartPause):
		}
		if again, err := p.launch(); err == nil { // else it is tried again after the next pause
			c = again
		}
	}
}

// kill ends the process with SIGKILL and returns when it has ended.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// stop lets the process finish what it does.
func (p *process) stop() { p.end(syscall.SIGTERM) }

func (p *process) end(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.order == nil {
		return
	}
	p.order <- signal
	<-p.ended
	p.order = nil
}

// launch starts a child, which ends with this process where the system can do that.
func (p *process) launch() (*child, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer log.Close() // the child has its own handle
	c := &child{cmd: exec.Command(p.executable, p.args...), started: time.Now()}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = p.env, log, log
	c.exited, err = embedded.StartChild(c.cmd)
	return c, err
}

// child is one life of a process.
type child struct {
	cmd     *exec.Cmd
	started time.Time
	exited  <-chan struct{} // closed when it has ended
}

// longStart is how long a start without a database may take to fail.
const longStart = 15 * time.Second

// crashed reports whether a child that ended by itself should not have: one that fails at its start says so by exit
// code 1, one that panics by another.
func (c *child) crashed() bool {
	return c.cmd.ProcessState.ExitCode() != 1 || time.Since(c.started) > longStart
}

// stopGrace is how long a process that is told to stop may take.
const stopGrace = 20 * time.Second

// end sends the signal and waits until the child has ended.
func (c *child) end(signal syscall.Signal) {
	if err := c.cmd.Process.Signal(signal); errors.Is(err, os.ErrProcessDone) {
		return
	}
	impatient := time.AfterFunc(stopGrace, func() { _ = c.cmd.Process.Kill() })
	defer impatient.Stop()
	<-c.exited
}
