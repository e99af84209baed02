package geo

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A priority says which requests are refused first when there are too many.
type priority int

// The priorities, the first refused first.
const (
	crawling priority = iota
	browsing
	carting
	buying
	priorities
)

// shareOf are the parts of what a region, or the edge, takes at once that requests of a priority may fill. So there is always room
// for those that bring money.
var shareOf = [priorities]float64{crawling: 0.5, browsing: 0.8, carting: 0.9, buying: 1}

func (p priority) String() string {
	return [priorities]string{"crawling", "browsing", "carting", "buying"}[p]
}

// priorityOf returns the priority of a request.
func priorityOf(r *http.Request) priority {
	path := r.URL.Path
	switch {
	case strings.HasSuffix(path, ":checkout"), strings.HasPrefix(path, "/v1/orders"), strings.HasPrefix(path, "/v1/webhooks"),
		strings.HasPrefix(path, "/v1/sessions"):
		return buying
	case strings.HasPrefix(path, "/v1/carts"), r.Header.Get("Authorization") != "", changes(r.Method):
		return carting
	case isCrawler(r.Header.Get("User-Agent")):
		return crawling
	}
	return browsing
}

// isCrawler reports whether a client calls itself a robot.
func isCrawler(agent string) bool {
	agent = strings.ToLower(agent)
	for _, word := range []string{"bot", "crawl", "spider", "slurp"} {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return false
}

const (
	leastLimit = 16
	// shrinkBy is what one sign of overload leaves of the limit; shrinkEvery is how often one counts, since many come together.
	shrinkBy    = 0.9
	shrinkEvery = 100 * time.Millisecond
	// slowRead is how long an answer to a read takes at least to be such a sign.
	slowRead = time.Second
)

// A limit bounds the requests that a region has at a time. It shrinks by a part when the region shows that it has too many (it
// refuses, is silent, or is slow), and grows by one for each round of answers while it is used: additive increase and
// multiplicative decrease, as TCP's congestion control. It is safe for concurrent use.
type limit struct {
	inFlight atomic.Int64
	mu       sync.Mutex
	now      float64
	most     float64 // configured
	capacity float64 // of the pods together; 0 if they do not say
	shrunk   time.Time
}

func newLimit(most int) *limit { return &limit{now: float64(most), most: float64(most)} }

// bound sets what the region's pods say that they take together; 0 if they do not say.
func (l *limit) bound(capacity int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.capacity = float64(capacity)
	l.now = min(l.now, l.ceiling())
}

func (l *limit) ceiling() float64 {
	if l.capacity > 0 {
		return min(l.most, l.capacity)
	}
	return l.most
}

// current returns how many requests the region is given at a time.
func (l *limit) current() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.now)
}

// room reports whether a request of a priority would have a place.
func (l *limit) room(p priority) bool { return l.inFlight.Load() < places(l.current(), p) }

// places returns how many of so many places a priority may fill, at least one.
func places(limit int64, p priority) int64 {
	return max(1, int64(math.Floor(float64(limit)*shareOf[p])))
}

// enter takes a place, and reports whether there was one. leave gives it back.
func (l *limit) enter(p priority) bool {
	if l.inFlight.Add(1) > places(l.current(), p) {
		l.inFlight.Add(-1)
		return false
	}
	return true
}

func (l *limit) leave() { l.inFlight.Add(-1) }

// observe learns from an answer.
func (l *limit) observe(overloaded bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case overloaded && now.Sub(l.shrunk) >= shrinkEvery:
		l.now, l.shrunk = max(min(leastLimit, l.ceiling()), l.now*shrinkBy), now
	case !overloaded && float64(l.inFlight.Load()+1) >= l.now/2:
		l.now = min(l.ceiling(), l.now+1/l.now)
	}
}

// overloaded reports whether the outcome of a try is a sign that the region has too much. Of what is refused only reads count:
// writes are also refused while a payment provider is away.
func overloaded(resp *http.Response, failed *tryError, read bool, took time.Duration) bool {
	if failed != nil {
		return errors.Is(failed, errTooSlow)
	}
	return read && (resp.StatusCode == http.StatusServiceUnavailable || took > slowRead)
}
