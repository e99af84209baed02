package dns

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Listen opens UDP and TCP on the address, such as 192.0.2.1:53, before Serve. With port 0 a free one is chosen.
func (s *Server) Listen(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	count, _ := share()
	sockets, err := openUDP(ctx, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), count)
	if err != nil {
		return errors.Join(fmt.Errorf("listening on %s: %w", address, err), listener.Close())
	}
	s.sockets, s.listeners = append(s.sockets, sockets...), append(s.listeners, listener)
	return nil
}

// Addrs returns the addresses that are listened on.
func (s *Server) Addrs() []netip.AddrPort {
	var all []netip.AddrPort
	for _, listener := range s.listeners {
		all = append(all, listener.Addr().(*net.TCPAddr).AddrPort())
	}
	return all
}

// Serve answers until ctx ends, and then sends the responses it has begun. It probes the regions, reads the file again
// when it changes, and asks for measurements. It returns nil after a clean stop.
func (s *Server) Serve(ctx context.Context) error {
	var work, answering sync.WaitGroup
	_, readers := share()
	for _, socket := range s.sockets {
		for range readers {
			answering.Go(func() { s.serveUDP(socket, s.newResponder(s.newCounts())) })
		}
	}
	for _, listener := range s.listeners {
		answering.Go(func() { s.serveTCP(listener, s.newCounts()) })
	}
	work.Go(func() { every(ctx, refreshEvery, s.refresh) })
	work.Go(func() { s.followFile(ctx) })
	work.Go(func() { s.followMeasurements(ctx, measuredEvery) })
	if s.cfg.Regions == nil {
		work.Go(func() { s.prober.run(ctx, s.refresh) })
	}
	<-ctx.Done()
	err := s.stop(&answering)
	work.Wait()
	return err
}

// stop lets what is being answered end, and closes the sockets.
func (s *Server) stop(answering *sync.WaitGroup) error {
	var faults []error
	for _, socket := range s.sockets {
		faults = append(faults, socket.SetReadDeadline(time.Now()))
	}
	for _, listener := range s.listeners {
		faults = append(faults, listener.Close())
	}
	s.open.end()
	answering.Wait()
	return errors.Join(append(faults, closeUDP(s.sockets))...)
}

// fileEvery is how often the file is looked at. It is read whole, because a folder that is mounted from Kubernetes changes
// by a link, and small.
const fileEvery = 2 * time.Second

// followFile reloads the file when its content is not what was read last, faulty or not.
func (s *Server) followFile(ctx context.Context) {
	every(ctx, fileEvery, func() {
		text, _, err := readBounded(s.cfg.File)
		if err == nil && sha256.Sum256(text) != *s.seen.Load() {
			_ = s.Reload() // which logs and counts it
		}
	})
}
