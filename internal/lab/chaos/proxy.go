package chaos

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Side is the direction in which a Proxy cuts a connection.
type Side int

const (
	// BeforeServer cuts before the server receives the step: neither the step nor anything after it is done.
	BeforeServer Side = iota
	// BeforeClient cuts before the client hears of the step: the server may have done it, and everything that was sent.
	BeforeClient
)

func (s Side) String() string {
	if s == BeforeServer {
		return "before the server gets it"
	}
	return "before the client hears of it"
}

// Cut says where to cut.
type Cut struct {
	Side Side
	// Step counts from 1 over all connections since the proxy was armed. Towards the server, each Execute, Query and Sync is
	// a step; towards the client, each CommandComplete, ErrorResponse and ReadyForQuery.
	Step int
	// StayDown makes the proxy refuse connections after the cut until it is armed again or disarmed. Without it, a client
	// that reconnects at once gets through.
	StayDown bool
}

// Proxy relays PostgreSQL connections between a pod and its database and cuts all of them at a chosen message. It is safe
// for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup

	mu     sync.Mutex
	open   map[*session]struct{}
	closed bool
	cut    Cut
	armed  bool
	down   bool
	steps  map[Side]int
	cuts   int
}

// NewProxy listens on a free port of 127.0.0.1 and relays to target, a host:port. The caller closes it.
func NewProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen between a pod and its database: %w", err)
	}
	p := &Proxy{listener: listener, target: target, open: make(map[*session]struct{}), steps: make(map[Side]int)}
	p.serving.Go(p.accept)
	return p, nil
}

// Addr returns the host:port to connect to instead of the target.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Arm makes the proxy cut once, at c. Steps are counted from now.
func (p *Proxy) Arm(c Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.armed, p.down = c, true, false
	clear(p.steps)
}

// Disarm lets everything through again and reports whether the proxy has cut since Arm.
func (p *Proxy) Disarm() (cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cut = !p.armed
	p.armed, p.down = false, false
	return cut
}

// Cuts returns how many cuts the proxy has made.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Close stops listening and ends all connections.
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
		if err == nil { // else the client has gone again
			p.serving.Go(func() { p.serve(client) })
		}
	}
}

// serve connects a client with the server until either leaves or the connection is cut. A client whose server is away
// sees a connection that ends.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	s := &session{
		client: client, server: server, step: p.step,
		toClient: pgproto3.NewBackend(client, client), toServer: pgproto3.NewFrontend(server, server),
	}
	if p.register(s) {
		s.run()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, s)
	}
}

func (p *Proxy) register(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.down {
		return false
	}
	p.open[s] = struct{}{}
	return true
}

// step counts a step and reports whether it may pass. At the cut it may not, and every connection ends.
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
	for s := range p.open {
		s.close()
	}
}

// session is one connection through a Proxy: toClient reads from and writes to the client, toServer the server.
type session struct {
	client, server net.Conn
	toClient       *pgproto3.Backend
	toServer       *pgproto3.Frontend
	step           func(Side) bool
}

func (s *session) close() {
	_ = s.client.Close()
	_ = s.server.Close()
}

// run relays messages in both directions until either connection ends or is cut.
func (s *session) run() {
	if s.startup() != nil || s.authenticate() != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer s.close()
		relay(s.toClient.Receive, s.passToServer, s.toServer.Send, s.toServer.Flush)
	})
	both.Go(func() {
		defer s.close()
		relay(s.toServer.Receive, s.passToClient, s.toClient.Send, s.toClient.Flush)
	})
	both.Wait()
}

// relay passes messages on one by one, so that what came before a cut is delivered.
func relay[M any](receive func() (M, error), pass func(M) bool, send func(M), flush func() error) {
	for {
		message, err := receive()
		if err != nil || !pass(message) {
			return
		}
		send(message)
		if flush() != nil {
			return
		}
	}
}

func (s *session) passToServer(message pgproto3.FrontendMessage) bool {
	switch message.(type) {
	case *pgproto3.Execute, *pgproto3.Query, *pgproto3.Sync:
		return s.step(BeforeServer)
	}
	return true
}

func (s *session) passToClient(message pgproto3.BackendMessage) bool {
	switch message.(type) {
	case *pgproto3.CommandComplete, *pgproto3.ErrorResponse, *pgproto3.ReadyForQuery:
		return s.step(BeforeClient)
	}
	return true
}

// startup relays a connection's first message. It refuses encryption, because the proxy has to read what follows.
func (s *session) startup() error {
	for {
		message, err := s.toClient.ReceiveStartupMessage()
		if err != nil {
			return err
		}
		switch message.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := s.client.Write([]byte{'N'}); err != nil {
				return err
			}
		default:
			s.toServer.Send(message)
			return s.toServer.Flush()
		}
	}
}

// authenticate relays the server's questions and the client's answers until the server accepts or refuses. What an answer
// means depends on the question, so both directions share one goroutine here.
func (s *session) authenticate() error {
	for {
		question, err := s.toServer.Receive()
		if err != nil {
			return err
		}
		s.toClient.Send(question)
		if err := s.toClient.Flush(); err != nil {
			return err
		}
		switch question.(type) {
		case *pgproto3.AuthenticationOk, *pgproto3.ErrorResponse:
			return nil
		case *pgproto3.AuthenticationCleartextPassword, *pgproto3.AuthenticationMD5Password,
			*pgproto3.AuthenticationSASL, *pgproto3.AuthenticationSASLContinue:
			if err := s.toClient.SetAuthType(s.toServer.GetAuthType()); err != nil {
				return err
			}
			answer, err := s.toClient.Receive()
			if err != nil {
				return err
			}
			s.toServer.Send(answer)
			if err := s.toServer.Flush(); err != nil {
				return err
			}
		}
	}
}
