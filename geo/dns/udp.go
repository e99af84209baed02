package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// maxQueryBytes is the largest request that is read. Ordinary ones have less than 100 bytes.
const maxQueryBytes = 4096

// A udpSocket is a socket, and whether it listens on every address of the machine.
type udpSocket struct {
	*net.UDPConn
	everywhere bool
}

// share returns how many sockets an address gets, and how many readers each of them: one socket for each processor where
// the kernel divides the clients among them, else one that all readers share.
func share() (sockets, readers int) {
	if canSharePort {
		return runtime.GOMAXPROCS(0), 1
	}
	return 1, runtime.GOMAXPROCS(0)
}

// openUDP opens a number of sockets on the address.
func openUDP(ctx context.Context, address netip.AddrPort, count int) ([]udpSocket, error) {
	var sockets []udpSocket
	config := net.ListenConfig{Control: sharePort}
	for range count {
		opened, err := config.ListenPacket(ctx, "udp", address.String())
		if err != nil {
			return nil, errors.Join(err, closeUDP(sockets))
		}
		socket := udpSocket{opened.(*net.UDPConn), address.Addr().IsUnspecified()}
		sockets = append(sockets, socket)
		// The kernel gives what it can. A burst that finds the buffer full is lost.
		_ = socket.SetReadBuffer(4 << 20)
		_ = socket.SetWriteBuffer(4 << 20)
		if err := socket.learnDestination(); err != nil {
			return nil, errors.Join(err, closeUDP(sockets))
		}
	}
	return sockets, nil
}

func closeUDP(sockets []udpSocket) error {
	var faults []error
	for _, socket := range sockets {
		faults = append(faults, socket.Close())
	}
	return errors.Join(faults...)
}

// learnDestination has the kernel say to which of the machine's addresses each request was sent.
func (s udpSocket) learnDestination() error {
	if !s.everywhere {
		return nil
	}
	err4 := ipv4.NewPacketConn(s.UDPConn).SetControlMessage(ipv4.FlagDst, true)
	err6 := ipv6.NewPacketConn(s.UDPConn).SetControlMessage(ipv6.FlagDst, true)
	if err4 != nil && err6 != nil { // one of them does not belong to the socket's family
		return errors.Join(err4, err6)
	}
	return nil
}

// source returns the control message by which a response is sent from the address that the request came to: resolvers
// drop what comes from another.
func (s udpSocket) source(control []byte) []byte {
	var to6 ipv6.ControlMessage
	if to6.Parse(control) == nil && to6.Dst != nil && to6.Dst.To4() == nil {
		return (&ipv6.ControlMessage{Src: to6.Dst}).Marshal()
	}
	var to4 ipv4.ControlMessage
	if to4.Parse(control) == nil && to4.Dst != nil {
		return (&ipv4.ControlMessage{Src: to4.Dst}).Marshal()
	}
	return nil
}

// serveUDP answers the socket's requests until its deadline has passed or it is closed.
func (s *Server) serveUDP(socket udpSocket, r *responder) {
	request, control := make([]byte, maxQueryBytes), make([]byte, 128)
	if !socket.everywhere {
		control = nil
	}
	for {
		n, controls, _, from, err := socket.ReadMsgUDPAddrPort(request, control)
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			time.Sleep(time.Millisecond) // want of memory: another try, not at once
			continue
		case from.Port() == 0:
			continue // nobody can be answered there
		}
		response := r.respond(request[:n], from.Addr().Unmap(), false)
		if response == nil {
			continue
		}
		var via []byte
		if socket.everywhere {
			via = socket.source(control[:controls])
		}
		// A response that cannot be sent is lost like any other datagram: the client asks again.
		_, _, _ = socket.WriteMsgUDPAddrPort(response, via, from)
	}
}
