package geo

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// longCall is a LongCall, ready to be matched.
type longCall struct {
	LongCall
	path *regexp.Regexp
}

var pathVariable = regexp.MustCompile(`\\\{[^}]*\\\}`)

func compileLong(calls []LongCall) []longCall {
	compiled := make([]longCall, len(calls))
	for i, c := range calls {
		pattern := pathVariable.ReplaceAllString(regexp.QuoteMeta(c.Path), "[^/:]+")
		compiled[i] = longCall{LongCall: c, path: regexp.MustCompile("^" + pattern + "$")}
	}
	return compiled
}

// longGrace is how much longer than a region takes for a long call the edge waits, so that the region's own answer comes
// first.
const longGrace = 5 * time.Second

// longTimeout returns how long a region may take for the request where that is longer than usual, else 0.
func (e *Edge) longTimeout(r *http.Request) time.Duration {
	for _, c := range e.long {
		if (c.Method == r.Method || c.Method == http.MethodGet && r.Method == http.MethodHead) && c.path.MatchString(r.URL.Path) {
			return c.Timeout + longGrace
		}
	}
	return 0
}

// A budget bounds what is sent beside the requests themselves: a share of them, and so many at once.
type budget struct {
	mu          sync.Mutex
	share, most float64
	left        float64
}

func newBudget(percent, burst int) budget {
	return budget{share: float64(percent) / 100, most: float64(burst), left: float64(burst)}
}

// earn adds what one request brings.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.most, b.left+b.share)
}

// take takes one try out of the budget, and reports whether there was one.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// isLocal reports whether a try failed for want of something on this machine: the region was not asked.
func isLocal(err error) bool {
	for _, want := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// maxDiscard bounds how much of an unwanted answer is read so that its connection can be reused.
const maxDiscard = 64 << 10

// discard reads the rest of an answer and closes it.
func discard(body io.ReadCloser) {
	// An error only means that the connection cannot be used again.
	_, _ = io.CopyN(io.Discard, body, maxDiscard)
	_ = body.Close()
}
