package wan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// session is one connection through a route.
type session struct {
	route
	forth  *link
	client *net.TCPConn
	stop   context.CancelFunc // resets it
}

// run opens the connection to the server and carries both directions until they have ended. Its error says why the
// client's connection must be reset.
func (s *session) run(ctx context.Context) error {
	server, err := s.connect(ctx)
	if err != nil {
		return err
	}
	both, ctx := errgroup.WithContext(ctx)
	unblock := context.AfterFunc(ctx, func() { _ = s.client.SetDeadline(past); _ = server.SetDeadline(past) })
	defer unblock()
	there := newPipe(s.forth, s.client, server)
	back := newPipe(s.forth.back, server, s.client)
	for _, work := range []func(context.Context) error{there.read, there.write, back.read, back.write} {
		both.Go(func() error { return work(ctx) })
	}
	if err := both.Wait(); err != nil {
		reset(server)
		return err
	}
	return server.Close()
}

// past is a deadline that ends every read and write.
var past = time.Unix(1, 0)

// connect opens the connection to the server, which takes a round trip.
func (s *session) connect(ctx context.Context) (*net.TCPConn, error) {
	if err := s.forth.cross(ctx, connectTimeout); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	conn, dialErr := dialer.DialContext(ctx, "tcp", s.target)
	if err := s.forth.back.cross(ctx, connectTimeout); err != nil || dialErr != nil {
		if conn != nil {
			reset(conn.(*net.TCPConn))
		}
		return nil, errors.Join(err, dialErr)
	}
	return conn.(*net.TCPConn), nil
}

// Bounds of a pipe.
const (
	window    = 4 << 20 // bytes on the way: Linux lets a receive window grow to 6 MiB
	maxChunks = 1024    // chunks on the way
)

// pipe is one direction of a session: what read takes from src arrives, in order and after the link's delay, at write,
// which gives it to dst.
type pipe struct {
	link     *link
	src, dst *net.TCPConn
	onWay    chan chunk
	window   *semaphore.Weighted
	lastDue  time.Time
}

// chunk is bytes on the way, or the end of them.
type chunk struct {
	bytes []byte
	due   time.Time
	end   error // io.EOF, or why the sender's connection broke
}

func newPipe(l *link, src, dst *net.TCPConn) *pipe {
	return &pipe{link: l, src: src, dst: dst, onWay: make(chan chunk, maxChunks), window: semaphore.NewWeighted(window)}
}

// read sends what the source has until it ends. Where the window is full, it leaves the source waiting.
func (p *pipe) read(ctx context.Context) error {
	buffer := make([]byte, maxChunk)
	for {
		n, err := p.src.Read(buffer[:p.link.chunk()])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n > 0 {
			if err := p.send(ctx, chunk{bytes: bytes.Clone(buffer[:n])}); err != nil {
				return err
			}
		}
		if err != nil {
			return p.send(ctx, chunk{end: err})
		}
	}
}

// send puts a chunk on the way.
func (p *pipe) send(ctx context.Context, c chunk) error {
	n := len(c.bytes)
	if err := p.window.Acquire(ctx, int64(n)); err != nil {
		return err
	}
	if err := p.link.pace(ctx, n); err != nil {
		return err
	}
	c.due = time.Now().Add(p.link.transit(n))
	if c.due.Before(p.lastDue) {
		c.due = p.lastDue // TCP keeps the order
	}
	p.lastDue = c.due
	select {
	case p.onWay <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write gives what arrives to the destination until the end has arrived. It returns an error if the connection broke at
// either side.
func (p *pipe) write(ctx context.Context) error {
	for {
		var c chunk
		select {
		case c = <-p.onWay:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.link.await(ctx, c.due, holdTimeout); err != nil {
			return err
		}
		switch {
		case errors.Is(c.end, io.EOF):
			return ignoreGone(p.dst.CloseWrite())
		case c.end != nil:
			return c.end
		}
		if _, err := p.dst.Write(c.bytes); err != nil {
			return errors.Join(err, p.link.back.cross(ctx, holdTimeout)) // the sender hears of it that much later
		}
		p.window.Release(int64(len(c.bytes)))
	}
}

// ignoreGone drops the error of ending a connection that the other side has ended already.
func ignoreGone(err error) error {
	var fault *net.OpError
	if errors.As(err, &fault) && !errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// reset closes a connection in a way that the other side takes for a failure.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // it may be closed
	_ = conn.Close()
}
