package embedded

import (
	"os/exec"
	"syscall"
)

// StartChild starts cmd so that Linux kills it when this process ends, and the terminal's Ctrl-C does not reach it. It
// waits for the command in the background and closes exited when it has ended.
func StartChild(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	p, err := startProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	return p.exited, nil
}
