package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"meridian/internal/pod"
	"meridian/internal/search/bleve"
)

// branch is one region of the shop: a pod on a port, which tests may stop and start.
type branch struct {
	url string

	mu       sync.Mutex
	pod      *pod.Pod
	listener *cuttable
	lost     bool
	gone     chan struct{} // closed when a lost pod has ended
	back     chan struct{} // takes a value when there is another
}

func newBranch(p *pod.Pod, listener net.Listener) *branch {
	return &branch{
		url: urlOf(listener), pod: p, listener: newCuttable(listener),
		gone: make(chan struct{}), back: make(chan struct{}, 1),
	}
}

// serve serves the region until ctx ends or it fails. While the region is lost it waits for a new pod.
func (b *branch) serve(ctx context.Context) error {
	for {
		p, listener := b.current()
		err := p.Serve(ctx, listener, true)
		if !b.closeLost(ctx) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.back:
		}
	}
}

func (b *branch) current() (*pod.Pod, *cuttable) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pod, b.listener
}

// closeLost closes the pod if the region is lost, and reports whether it is.
func (b *branch) closeLost(ctx context.Context) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.lost {
		return false
	}
	_ = b.pod.Close(ctx) // what a lost server could not send is lost
	b.pod = nil
	close(b.gone)
	return true
}

// cut loses the region. The channel it returns is closed when nothing of it runs any more.
func (b *branch) cut() (gone <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost {
		return nil, false
	}
	b.lost = true
	b.listener.cut()
	return b.gone, true
}

// put lets another pod serve the region that was lost.
func (b *branch) put(p *pod.Pod, listener net.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pod, b.listener = p, newCuttable(listener)
	b.lost, b.gone = false, make(chan struct{})
	b.back <- struct{}{}
}

// isGone reports whether the region is lost and its pod closed.
func (b *branch) isGone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost && b.pod == nil
}

// isServing reports whether the region is not lost.
func (b *branch) isServing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.lost
}

func (b *branch) close(ctx context.Context) error {
	p, listener := b.current()
	_ = listener.Close() // the server has closed it, except after a start that failed
	if p == nil {
		return nil
	}
	return p.Close(ctx)
}

// ErrRegionState is returned for stopping a stopped region or starting a running one.
var ErrRegionState = errors.New("the region is not in that state")

// StopRegion takes a region out of a running shop as an accident would: its port closes, its connections are reset,
// and its workers end. It returns when nothing of the region runs any more.
func (s *Shop) StopRegion(ctx context.Context, name string) error {
	b, ok := s.branches[name]
	if !ok {
		return fmt.Errorf("stop region %q: there is no such region", name)
	}
	gone, ok := b.cut()
	if !ok {
		return fmt.Errorf("stop region %s: %w", name, ErrRegionState)
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop region %s: %w", name, ctx.Err())
	}
}

// SearchStore returns a region's search index, for tests of what happens without it. It returns nil while the region
// is lost.
func (s *Shop) SearchStore(region string) *bleve.Store {
	b, ok := s.branches[region]
	if !ok {
		return nil
	}
	p, _ := b.current()
	if p == nil {
		return nil
	}
	store, _ := p.Index.(*bleve.Store)
	return store
}

// StartRegion brings a stopped region back, as a new server on the same port. It returns when the region is ready.
func (s *Shop) StartRegion(ctx context.Context, name string) error {
	b, ok := s.branches[name]
	if !ok {
		return fmt.Errorf("start region %q: there is no such region", name)
	}
	if !b.isGone() {
		return fmt.Errorf("start region %s: %w", name, ErrRegionState)
	}
	_, address, _ := net.SplitHostPort(b.listener.Addr().String())
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, address))
	if err != nil {
		return fmt.Errorf("start region %s: %w", name, err)
	}
	p, err := pod.New(ctx, s.podConfig(name))
	if err != nil {
		return errors.Join(fmt.Errorf("start region %s: %w", name, err), listener.Close())
	}
	b.put(p, listener)
	if !awaitReady(ctx, b.url) {
		return fmt.Errorf("start region %s: %w", name, ctx.Err())
	}
	return nil
}

// cuttable is a listener whose connections can all be cut at once.
type cuttable struct {
	net.Listener
	mu    sync.Mutex
	open  map[net.Conn]bool
	isCut bool
}

func newCuttable(l net.Listener) *cuttable {
	return &cuttable{Listener: l, open: make(map[net.Conn]bool)}
}

// Accept waits for the next connection.
func (l *cuttable) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isCut {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	l.open[conn] = true
	return &cuttableConn{Conn: conn, forget: l.forget}, nil
}

func (l *cuttable) forget(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

// cut closes the listener and resets every connection.
func (l *cuttable) cut() {
	_ = l.Close() // its connections are what matters
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for conn := range l.open {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset instead of an orderly end
		}
		_ = conn.Close()
	}
	clear(l.open)
}

// cuttableConn removes itself from its listener when it is closed.
type cuttableConn struct {
	net.Conn
	forget func(net.Conn)
}

// Close closes the connection.
func (c *cuttableConn) Close() error {
	c.forget(c.Conn)
	return c.Conn.Close()
}
