package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killGrace is how long a server has to obey its last signal before SIGKILL.
const killGrace = 5 * time.Second

// process is a server that runs as a child process.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	err    error         // why, once exited is closed
}

// startProcess starts cmd so that it ends with this process, where the system supports that, and does not receive the
// terminal's Ctrl-C. Linux sends the parent-death signal when the *thread* that forked ends, so the fork happens on a
// thread of its own, which then waits for the child.
func startProcess(cmd *exec.Cmd, deathSignal syscall.Signal) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	endWithParent(cmd.SysProcAttr, deathSignal)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine, after the child
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// signal sends s. It is no error if the process has ended already.
func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s (pid %d): %w", p.cmd.Path, p.cmd.Process.Pid, err)
	}
	return nil
}

// await calls ready every interval until it returns true or an error, which await returns. It fails when the process
// ends or ctx does.
func (p *process) await(ctx context.Context, interval time.Duration, ready func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("it ended at once (%w)", p.err)
		case <-ctx.Done():
			return fmt.Errorf("it did not become ready: %w", ctx.Err())
		}
	}
}

// finish waits for the process to end, and kills it after killGrace.
func (p *process) finish() error {
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// running reports whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// cleanEnv returns this process's environment without the PG… variables, which would change what the servers do, and
// with messages in English. (On macOS PostgreSQL does not start where LC_ALL names a locale it does not know.)
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C") // the last of several counts
}

// loopback returns the address of a port on this machine.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// databaseURL returns the connection string of a database on a port of this machine.
func databaseURL(user *url.Userinfo, port int, database string) string {
	u := url.URL{Scheme: "postgresql", User: user, Host: loopback(port), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// FreePort returns a port of 127.0.0.1 that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// claimPort returns port if it is free, or a free one if port is 0.
func claimPort(port int, what string) (int, error) {
	if port == 0 {
		return FreePort()
	}
	l, err := net.Listen("tcp", loopback(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, fmt.Errorf("port %d for %s is taken by another program: stop that or choose another port", port, what)
	}
	if err != nil {
		return 0, fmt.Errorf("listen on port %d for %s: %w", port, what, err)
	}
	return port, l.Close()
}
