package serve

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Connections bounds what connections may hold. The zero value bounds only how long an answer may wait to be read.
type Connections struct {
	// PerAddress is how many connections one client address (an IPv6 network of 64 bits) may have open; more are answered
	// 429 and closed. 0 means no bound.
	PerAddress int
	// Exempt are networks whose connections are not counted, such as those of a CDN in front.
	Exempt []netip.Prefix
	// WriteStall is how long a client may take to read the next part, at most writePart bytes, of an answer; 30 s.
	WriteStall time.Duration
}

const (
	defaultWriteStall = 30 * time.Second
	// writePart is the most that is written under one deadline, so that a slow connection is told from one that is not read.
	writePart = 32 << 10
)

// listener counts the connections of each address and bounds their writes.
type listener struct {
	net.Listener
	bounds Connections

	mu   sync.Mutex
	open map[string]int
}

func newListener(l net.Listener, bounds Connections) *listener {
	bounds.WriteStall = cmp.Or(bounds.WriteStall, defaultWriteStall)
	return &listener{Listener: l, bounds: bounds, open: make(map[string]int)}
}

// Accept returns the next connection that its address may have. Others are told so and closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := l.countedAs(c.RemoteAddr())
		if l.take(from) {
			return &conn{Conn: c, stall: l.bounds.WriteStall, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		// The send buffer of a new connection has room for this.
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = c.Write(rawProblem(429, "Too Many Requests", "too_many_connections",
			"Close some connections, or send several requests on one.", "Retry-After: 1\r\n"))
		_ = c.Close()
	}
}

// countedAs returns the name under which an address is counted, "" for one that is not.
func (l *listener) countedAs(remote net.Addr) string {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || l.bounds.PerAddress == 0 {
		return ""
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if slices.ContainsFunc(l.bounds.Exempt, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return ""
	}
	if network, err := addr.Prefix(64); err == nil && addr.Is6() {
		return network.String()
	}
	return addr.String()
}

func (l *listener) take(from string) bool {
	if from == "" {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.bounds.PerAddress {
		return false
	}
	l.open[from]++
	return true
}

func (l *listener) leave(from string) {
	if from == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

// conn is a connection whose every write has a deadline, and on which net/http's own refusals are problems as ours are.
type conn struct {
	net.Conn
	stall time.Duration
	leave func()

	mu    sync.Mutex
	until time.Time // the deadline that a handler set; zero is none
}

// Write writes in parts, each of which the client has the stall time to make room for, but not beyond the deadline that was
// set.
func (c *conn) Write(p []byte) (int, error) {
	if problem := translated(p); problem != nil {
		if _, err := c.write(problem); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return c.write(p)
}

func (c *conn) write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, writePart) {
		if err := c.extend(); err != nil {
			return n, err
		}
		written, err := c.Conn.Write(part)
		n += written
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// extend gives the next write its time.
func (c *conn) extend() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(c.stall)
	if !c.until.IsZero() && c.until.Before(until) {
		until = c.until
	}
	return c.Conn.SetWriteDeadline(until)
}

// SetWriteDeadline sets the time after which nothing more is written; zero sets none.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets the deadlines of reading and writing.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// Close closes the connection and gives its place to another.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}
