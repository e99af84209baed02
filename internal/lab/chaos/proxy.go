package chaos

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// Side is where a Proxy cuts a connection.
type Side int

const (
	// BeforeServer cuts before the server gets the n-th step: it is not done, nor is anything after it.
	BeforeServer Side = iota
	// BeforeClient cuts before the client hears of the n-th step: the server may have done it, and all that was sent.
	BeforeClient
)

func (s Side) String() string {
	if s == BeforeServer {
		return "before the server gets it"
	}
	return "before the client hears of it"
}

// Cut is where to cut.
type Cut struct {
	Side Side
	// Step counts from 1, over all connections from when the proxy was armed: on the way to the server each statement
	// executed and each end of a batch, on the way back each statement completed or refused and each readiness for more.
	Step int
	// StayDown has the proxy refuse connections after the cut, until it is armed anew or disarmed: without it, a
	// client that tries again at once gets through.
	StayDown bool
}

// Proxy stands between a pod and its PostgreSQL, understands where the messages of the protocol begin, and cuts all
// connections at a chosen one. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup

	mu     sync.Mutex
	open   map[*passage]struct{}
	closed bool
	cut    Cut
	armed  bool
	down   bool
	steps  map[Side]int
	cuts   int
}

// NewProxy listens on a free port of 127.0.0.1 and passes on to target, a host:port. The caller closes it.
func NewProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen between a pod and its database: %w", err)
	}
	p := &Proxy{listener: listener, target: target, open: make(map[*passage]struct{}), steps: make(map[Side]int)}
	p.serving.Go(p.accept)
	return p, nil
}

// Addr is the host:port to connect to instead of the target.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Arm has the proxy cut, once. Steps are counted from now.
func (p *Proxy) Arm(c Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.armed, p.down = c, true, false
	clear(p.steps)
}

// Disarm lets everything through again, and reports whether a cut was made since Arm.
func (p *Proxy) Disarm() (cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cut = !p.armed
	p.armed, p.down = false, false
	return cut
}

// Cuts is how many cuts were made so far.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Close ends all connections and stops listening.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.closeAll()
	p.serving.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client has gone again
		}
		p.serving.Go(func() { p.pass(client) })
	}
}

// pass connects a client with the server until one of them leaves or the connection is cut.
func (p *Proxy) pass(client net.Conn) {
	defer client.Close()
	if p.isDown() {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the database is away: the client sees a connection that ends
	}
	defer server.Close()
	w := &passage{client: client, server: server, step: p.step}
	if !p.register(w) {
		return
	}
	defer p.forget(w)
	w.run()
}

func (p *Proxy) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

func (p *Proxy) register(w *passage) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.down {
		return false
	}
	p.open[w] = struct{}{}
	return true
}

func (p *Proxy) forget(w *passage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, w)
}

// step counts a step and reports whether it may pass. It may not where the cut is: then every connection ends.
func (p *Proxy) step(side Side) bool {
	p.mu.Lock()
	p.steps[side]++
	hit := p.armed && p.cut.Side == side && p.steps[side] == p.cut.Step
	if hit {
		p.armed, p.down = false, p.cut.StayDown
		p.cuts++
	}
	p.mu.Unlock()
	if hit {
		p.closeAll()
	}
	return !hit
}

func (p *Proxy) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.open {
		w.close()
	}
}
