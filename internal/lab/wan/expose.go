package wan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// route is a server as it is reached from a site.
type route struct{ from, to, target string }

// forwarder is the address of a route.
type forwarder struct {
	route
	net      *Network
	forth    *link
	listener *net.TCPListener
	room     chan struct{} // holds a value for each connection
}

// Bounds of a forwarder.
const (
	maxSessions    = 2048              // connections at the same time; more wait to be accepted
	connectTimeout = 127 * time.Second // for which Linux repeats the first segment of a connection
	holdTimeout    = 924 * time.Second // for which it repeats others
	acceptPause    = 50 * time.Millisecond
)

// Expose returns an address on the loopback interface, a host:port, at which a server is reached from a site. The server is
// at another site, and listens on target. The same route always has the same address.
func (n *Network) Expose(from, to, target string) (address string, err error) {
	l, err := n.link(from, to)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := route{from, to, target}
	if f, ok := n.exposed[r]; ok {
		return f.listener.Addr().String(), nil
	}
	if n.closed {
		return "", errors.New("the network is closed")
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", fmt.Errorf("listen in %s for %s: %w", from, to, err)
	}
	f := &forwarder{route: r, net: n, forth: l, listener: listener, room: make(chan struct{}, maxSessions)}
	n.exposed[r] = f
	n.work.Go(f.accept)
	return listener.Addr().String(), nil
}

// accept serves connections until the listener is closed.
func (f *forwarder) accept() {
	for {
		select {
		case f.room <- struct{}{}:
		case <-f.net.ctx.Done():
			return
		}
		client, err := f.listener.AcceptTCP()
		if err != nil {
			<-f.room
			if errors.Is(err, net.ErrClosed) || sleep(f.net.ctx, acceptPause) != nil {
				return
			}
			continue // this machine is short of sockets, or the client has gone again
		}
		f.net.work.Go(func() {
			defer func() { <-f.room }()
			f.serve(client)
		})
	}
}

// serve carries one connection until both directions have ended, it is reset, or the network is closed.
func (f *forwarder) serve(client *net.TCPConn) {
	s := &session{route: f.route, forth: f.forth, client: client}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(f.net.ctx)
	defer s.stop()
	if !f.net.add(s) {
		reset(client)
		return
	}
	defer f.net.remove(s)
	if err := s.run(ctx); err != nil {
		reset(client)
	}
	_ = client.Close() // a reset has closed it
}
