package replay

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// Session is what one run of the command did: a replay that was resumed had others before.
type Session struct {
	// Took is how long the stream took, without the receiving of stock before it and the
	// settling after it.
	Took time.Duration `json:"took_ns"`
	// Orders were placed, Requests made, those that were made again among them.
	Orders   int64 `json:"orders"`
	Requests int64 `json:"requests"`
	Again    int64 `json:"requests_made_again"`
	// OrdersPerSecond and RequestsPerSecond are the rates over the whole session.
	OrdersPerSecond   float64 `json:"orders_per_second"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	// Calls are the kinds of calls, by name.
	Calls []Call `json:"calls"`
}

func perSecond(n int64, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(n) / took.Seconds()
}

// Call is one kind of call, how often it was made, and how long it took.
type Call struct {
	Name  string        `json:"name"`
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P95   time.Duration `json:"p95_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
	// Refused counts the answers that were no success, by their code.
	Refused map[string]int64 `json:"refused,omitempty"`
}

// calls measures what a session asks of the shop. It is safe for concurrent use.
type calls struct {
	mu      sync.Mutex
	started time.Time
	kinds   map[string]*measured
	total   int64
	again   int64
}

type measured struct {
	times   histogram
	refused map[string]int64
}

// begin starts the session: what was called before is forgotten.
func (c *calls) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started, c.kinds, c.total, c.again = time.Now(), make(map[string]*measured), 0, 0
}

func (c *calls) observe(a client.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		return // before the session
	}
	name := callName(a.Method, a.Path)
	kind := c.kinds[name]
	if kind == nil {
		kind = &measured{refused: make(map[string]int64)}
		c.kinds[name] = kind
	}
	kind.times.add(a.Took)
	c.total++
	if a.Code != "" {
		kind.refused[a.Code]++
	}
	if a.Status == 0 || a.Status >= 500 || a.Status == 429 {
		c.again++
	}
}

// session is what was measured since begin.
func (c *calls) session(orders int64) Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := time.Since(c.started)
	s := Session{
		Took: took, Orders: orders, Requests: c.total, Again: c.again,
		OrdersPerSecond: perSecond(orders, took), RequestsPerSecond: perSecond(c.total, took),
	}
	for name, kind := range c.kinds {
		s.Calls = append(s.Calls, Call{
			Name: name, Count: kind.times.count, P50: kind.times.quantile(0.5), P95: kind.times.quantile(0.95), P99: kind.times.quantile(0.99),
			Max: kind.times.max, Refused: maps.Clone(kind.refused),
		})
	}
	slices.SortFunc(s.Calls, func(a, b Call) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// callName is the call's route: ids, which hold an underscore, are left out of the path.
func callName(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.Contains(s, "_") {
			segments[i] = "{id}"
		}
	}
	return method + " " + strings.Join(segments, "/")
}

// histogram counts durations in buckets that grow by a twentieth, from 100 µs to 3 minutes.
type histogram struct {
	buckets [300]int64
	count   int64
	max     time.Duration
}

const (
	firstBucket = 100 * time.Microsecond
	growth      = 1.05
)

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > firstBucket {
		i = int(math.Ceil(math.Log(float64(d)/float64(firstBucket)) / math.Log(growth)))
	}
	h.buckets[min(i, len(h.buckets)-1)]++
	h.count++
	h.max = max(h.max, d)
}

// quantile is the upper end of the bucket in which that share of the durations ends.
func (h *histogram) quantile(share float64) time.Duration {
	left := int64(math.Ceil(share * float64(h.count)))
	for i, n := range h.buckets {
		if left -= n; left <= 0 {
			return min(h.max, time.Duration(float64(firstBucket)*math.Pow(growth, float64(i))))
		}
	}
	return h.max
}
