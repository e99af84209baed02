package chaos

import (
	"context"
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
	"meridian/internal/lab/client"
)

// process is a `meridian …` that can be killed and started again. It is safe for concurrent use.
type process struct {
	name       string
	executable string
	args       []string
	env        []string
	log        string // the file that gets what it prints, in all its lives

	mu     sync.Mutex
	end    context.CancelFunc // ends the process for good; nil while it is not meant to run
	signal syscall.Signal     // that ends it
	ended  chan struct{}      // closed when that is done

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

// restartPause is the time before a process that ended by itself is started again.
const restartPause = 200 * time.Millisecond

// start runs the process until kill or stop. One that ends by itself, as a pod does that finds no database at its
// start, is started again, as an orchestrator would. It does nothing if the process runs.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			p.live(ctx)
			client.Sleep(ctx, restartPause)
		}
	}()
	p.end, p.ended = end, ended
}

// kill ends the process with SIGKILL and returns when it has ended.
func (p *process) kill() { p.endBy(syscall.SIGKILL) }

// stop lets the process finish what it does.
func (p *process) stop() { p.endBy(syscall.SIGTERM) }

func (p *process) endBy(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		return
	}
	p.signal = signal
	p.end()
	<-p.ended
	p.end = nil
}

const (
	// stopGrace is how long a process that is told to stop may take.
	stopGrace = 20 * time.Second
	// longStart is how long a start without a database may take to fail.
	longStart = 15 * time.Second
)

// live runs the process until it ends by itself, or is ended because ctx ends. It counts a crash: a process that fails at
// its start says so by exit code 1, one that panics by another.
func (p *process) live(ctx context.Context) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // what waits for the process says so
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, p.executable, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.env, log, log, stopGrace
	cmd.Cancel = func() error { return cmd.Process.Signal(p.signal) }
	started := time.Now()
	exited, err := embedded.StartChild(cmd)
	if err != nil {
		fmt.Fprintf(log, "start %s: %v\n", p.name, err)
		return
	}
	<-exited
	if ctx.Err() == nil && (cmd.ProcessState.ExitCode() != 1 || time.Since(started) > longStart) {
		p.crashes.Add(1)
	}
}
