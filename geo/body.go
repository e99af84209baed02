package geo

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// A requestBody is the body of one request, and what is known about sending it more than once.
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

// newBody decides what is done with the request's body. It is read into memory only where a second try may need it:
// when there is an Idempotency-Key, or the method changes nothing, and within limit and budget.
func (e *Edge) newBody(r *http.Request) (*requestBody, error) {
	b := &requestBody{edge: e, length: r.ContentLength}
	mayRepeat := !changes(r.Method) || hasKey(r.Header)
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		b.length, b.repeatable = 0, mayRepeat
		return b, nil
	case !mayRepeat || r.ContentLength > e.cfg.ReplayLimit || !b.reserve():
		b.stream = r.Body
		return b, nil
	}
	if err := b.keep(r.Body); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

func hasKey(h http.Header) bool { return strings.TrimSpace(h.Get("Idempotency-Key")) != "" }

// reserve takes what the body may need from the edge's budget, and reports whether that was left.
func (b *requestBody) reserve() bool {
	need := b.length
	if need < 0 {
		need = b.edge.cfg.ReplayLimit
	}
	if b.edge.kept.Add(need) > b.edge.cfg.ReplayBudget {
		b.edge.kept.Add(-need)
		return false
	}
	b.reserved = need
	return true
}

// release gives the budget back.
func (b *requestBody) release() { b.edge.kept.Add(-b.reserved); b.reserved = 0 }

// keep reads the body into memory. One that turns out to be above the limit is streamed, its beginning first.
func (b *requestBody) keep(from io.Reader) error {
	start, err := io.ReadAll(io.LimitReader(from, b.edge.cfg.ReplayLimit+1))
	if err != nil {
		return fmt.Errorf("reading the request's body: %w", err)
	}
	if int64(len(start)) > b.edge.cfg.ReplayLimit {
		b.stream = io.MultiReader(bytes.NewReader(start), from)
		return nil
	}
	b.kept, b.length, b.repeatable = start, int64(len(start)), true
	return nil
}

// describe makes the outgoing request say how long its body is.
func (b *requestBody) describe(out *http.Request) {
	out.ContentLength = b.length
	if b.length >= 0 {
		out.TransferEncoding = nil
	}
}

// attach gives the body to another try. Reads of a streamed one are reported to progress.
func (b *requestBody) attach(req *http.Request, progress func()) {
	if b.stream != nil {
		req.Body = &streamedBody{body: b, progress: progress}
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

// streamedBody reads what cannot be read twice. Closing it does nothing, so that a try whose connection was refused
// does not close the client's body for the next one; the server closes that in the end.
type streamedBody struct {
	body     *requestBody
	progress func()
}

// Read reads from the client.
func (s *streamedBody) Read(p []byte) (int, error) {
	n, err := s.body.stream.Read(p)
	if err != nil && err != io.EOF {
		s.body.broken.Store(true)
	}
	s.progress()
	return n, err
}

// Close does nothing.
func (s *streamedBody) Close() error { return nil }
