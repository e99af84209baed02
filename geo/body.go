package geo

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// A requestBody is the body of one request, with what is known about sending it more than once.
type requestBody struct {
	edge     *Edge
	kept     []byte // the whole body, when replayable
	stream   io.Reader
	length   int64 // -1 when not known
	reserved int64 // of the edge's budget

	// repeatable says that the request may be sent again after some of it may have arrived.
	repeatable bool
	// broken says that a streamed body could not be read to its end: the client went away.
	broken atomic.Bool
}

// newBody decides whether the body is kept or streamed. It keeps the body in memory only where a second try may need
// it: with an Idempotency-Key or a method that changes nothing, within the limit and the budget. A kept body must
// arrive within TotalTimeout; a streamed one may pause for WriteTimeout.
func (e *Edge) newBody(w http.ResponseWriter, r *http.Request) (*requestBody, error) {
	from := &timedBody{from: r.Body, connection: http.NewResponseController(w), pause: e.cfg.WriteTimeout}
	b := &requestBody{edge: e, length: r.ContentLength}
	mayRepeat := !changes(r.Method) || keyed(r)
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		b.length, b.repeatable = 0, mayRepeat
		return b, nil
	case !mayRepeat || r.ContentLength > e.cfg.ReplayLimit || !b.reserve():
		b.stream = from
		from.bound() // also if no region reads it: the server itself does, before it answers
		return b, nil
	}
	if err := b.keep(from); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

// keyed reports whether the request has an Idempotency-Key and goes to a route that honours it. A refresh token sent
// twice ends the session as stolen, whatever the key.
func keyed(r *http.Request) bool {
	return strings.TrimSpace(r.Header.Get("Idempotency-Key")) != "" && r.URL.Path != "/v1/sessions:refresh"
}

// reserve takes the body's share of the edge's budget. It returns false if too little is left.
func (b *requestBody) reserve() bool {
	need := b.length
	if need < 0 {
		need = b.edge.cfg.ReplayLimit
	}
	if b.edge.bodies.Add(need) > b.edge.cfg.ReplayBudget {
		b.edge.bodies.Add(-need)
		return false
	}
	b.reserved = need
	return true
}

// release returns the share to the budget.
func (b *requestBody) release() { b.edge.bodies.Add(-b.reserved); b.reserved = 0 }

// keep reads the body into memory. A body that exceeds the limit is streamed, what was read first.
func (b *requestBody) keep(from *timedBody) error {
	from.by = time.Now().Add(b.edge.cfg.TotalTimeout)
	start, err := io.ReadAll(io.LimitReader(from, b.edge.cfg.ReplayLimit+1))
	if err != nil {
		return fmt.Errorf("reading the request's body: %w", err)
	}
	if int64(len(start)) > b.edge.cfg.ReplayLimit {
		from.by = time.Time{}
		b.stream = io.MultiReader(bytes.NewReader(start), from)
		return nil
	}
	b.kept, b.length, b.repeatable = start, int64(len(start)), true
	return nil
}

// describe sets the length of the outgoing request's body.
func (b *requestBody) describe(out *http.Request) {
	out.ContentLength = b.length
	if b.length >= 0 {
		out.TransferEncoding = nil
	}
}

// attach gives the body to another try and tells its patience of reads of a streamed one.
func (b *requestBody) attach(req *http.Request, wait *patience) {
	if b.stream != nil {
		req.Body = &streamedBody{body: b, wait: wait}
		return
	}
	// With GetBody the transport itself replaces a connection that went stale in its pool.
	req.GetBody = func() (io.ReadCloser, error) {
		if len(b.kept) == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(bytes.NewReader(b.kept)), nil
	}
	req.Body, _ = req.GetBody() // which cannot fail
}

// timedBody reads from the client with a deadline, because a silent client holds a connection and, while its body is
// kept, some of the budget.
type timedBody struct {
	from       io.Reader
	connection *http.ResponseController
	pause      time.Duration
	by         time.Time // when the whole body must be there; zero bounds only each pause
}

// bound sets the deadline of the next read. It stays in force if the read fails.
func (t *timedBody) bound() {
	until := t.by
	if until.IsZero() {
		until = time.Now().Add(t.pause)
	}
	// The recorder of a test has no deadline to set; a connection has.
	_ = t.connection.SetReadDeadline(until)
}

// Read reads from the client.
func (t *timedBody) Read(p []byte) (int, error) {
	t.bound()
	n, err := t.from.Read(p)
	if err == io.EOF {
		_ = t.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// streamedBody reads a body that cannot be read twice. Closing it does nothing, so that a try whose connection was
// refused leaves the client's body open for the next; the server closes it in the end.
type streamedBody struct {
	body *requestBody
	wait *patience
}

// Read reads from the client.
func (s *streamedBody) Read(p []byte) (int, error) {
	s.wait.read(true)
	n, err := s.body.stream.Read(p)
	s.wait.read(false)
	if err != nil && err != io.EOF {
		s.body.broken.Store(true)
	}
	return n, err
}

// Close does nothing.
func (s *streamedBody) Close() error { return nil }
