//go:build !linux

package dns

import "syscall"

// canSharePort says that several sockets can have one address, and that the kernel divides the clients among them. Other
// systems give everything to one.
const canSharePort = false

// sharePort changes nothing.
func sharePort(_, _ string, _ syscall.RawConn) error { return nil }
