package embedded

import "syscall"

// endWithParent has the kernel send the signal to the child when the thread that starts it ends.
func endWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) {
	attr.Pdeathsig = signal
}
