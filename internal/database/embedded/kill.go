package embedded

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// killPoll is how often Kill checks whether the server's processes have ended.
const killPoll = 5 * time.Millisecond

// Kill ends all of the server's processes with SIGKILL, as a crash of the machine would: nothing is written out and
// no client is told. What was committed to a durable server is there after the next StartPostgres on its folder,
// which may use the same port. Kill returns when no process is left. If only the first process were killed, the
// others would go on committing. So Kill halts the first, lists the others while no new one can start, and then kills
// them all.
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

// awaitGone waits until none of the processes is left, because a server does not start beside those of another.
func awaitGone(pids []int) error {
	deadline := time.Now().Add(killGrace)
	for _, pid := range pids {
		for isRunning(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("kill PostgreSQL: pid %d is still there", pid)
			}
			time.Sleep(killPoll) // the child of another process: its end cannot be waited for
		}
	}
	return nil
}
