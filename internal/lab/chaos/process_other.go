//go:build !linux

package chaos

import "syscall"

// endWithParent does nothing: only Linux can tie a child to its parent. Elsewhere children survive a Meridian that was
// killed.
func endWithParent(*syscall.SysProcAttr) {}
