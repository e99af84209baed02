package embedded

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// killPoll is how often Kill looks whether the server's processes have gone.
const killPoll = 5 * time.Millisecond

// Kill ends the server with SIGKILL, all of its processes, as a crash of the machine would: nothing is written out
// and no client is told. What was committed to a durable server is there after the next StartPostgres on its folder,
// which may be given the same port. It returns when no process is left.
//
// A server whose first process alone was killed would go on committing what its other processes had begun, so the
// first is halted, the others are listed while no new one can come, and then all are killed.
func (p *Postgres) Kill() error {
	pid := p.PID()
	if err := p.process.signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	children, err := childrenOf(pid)
	if err != nil {
		return errors.Join(fmt.Errorf("kill PostgreSQL: %w", err), p.process.signal(syscall.SIGCONT))
	}
	if err := p.process.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	for _, child := range children {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill PostgreSQL, pid %d: %w", child, err)
		}
	}
	<-p.process.exited
	return awaitGone(children)
}

// awaitGone waits until none of the processes is left: a server does not start beside those of another.
func awaitGone(pids []int) error {
	deadline := time.Now().Add(killGrace)
	for _, pid := range pids {
		for isRunning(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("kill PostgreSQL: pid %d is still there", pid)
			}
			time.Sleep(killPoll) // the child of another process: nobody tells us when it ends
		}
	}
	return nil
}
