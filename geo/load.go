package geo

import (
	"errors"
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

// retries is the budget of further tries: a share of the requests, and so many at once.
type retries struct {
	mu          sync.Mutex
	share, most float64
	left        float64
}

// earn adds what one request brings.
func (b *retries) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.most, b.left+b.share)
}

// take takes one try out of the budget, and reports whether there was one.
func (b *retries) take() bool {
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

// enter takes one of the region's places, and reports whether there was one. leave gives it back.
func (t *target) enter() bool {
	if t.inFlight.Add(1) > t.most {
		t.inFlight.Add(-1)
		return false
	}
	return true
}

func (t *target) leave() { t.inFlight.Add(-1) }

// full reports whether all of the region's places are taken.
func (t *target) full() bool { return t.inFlight.Load() >= t.most }
