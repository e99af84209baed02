//go:build !linux

package embedded

import "syscall"

// endWithParent does nothing: only Linux can tie a child to its parent. Elsewhere a server survives a Meridian that
// was killed, and the next start on its folder names its pid.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
