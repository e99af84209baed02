package dns

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// canSharePort says that several sockets can have one address, and that the kernel divides the clients among them.
const canSharePort = true

// sharePort lets other sockets of this user have the same address (SO_REUSEPORT).
func sharePort(_, _ string, connection syscall.RawConn) error {
	var err error
	if failed := connection.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); failed != nil {
		return failed
	}
	return err
}
