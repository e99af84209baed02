package report

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution of times, in milliseconds.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// Times collects durations in a histogram. The zero value is ready to use and safe for
// concurrent use.
type Times struct {
	mu     sync.Mutex
	micros *hdrhistogram.Histogram
}

// The histogram keeps three significant digits, so that a quantile is within 0.1 % of a
// measured time, and counts what takes longer than an hour as an hour.
const (
	longest = time.Hour
	digits  = 3
)

// Add records a duration.
func (t *Times) Add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.histogram().RecordValue(min(max(d, 0), longest).Microseconds()) // in range
}

func (t *Times) histogram() *hdrhistogram.Histogram {
	if t.micros == nil {
		t.micros = hdrhistogram.New(1, longest.Microseconds(), digits)
	}
	return t.micros
}

// Quantile returns the least duration that the share q of all, of [0, 1], does not exceed;
// 0 if there is none.
func (t *Times) Quantile(q float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.histogram()
	if h.TotalCount() == 0 {
		return 0
	}
	// The library rounds the rank to the nearest; the nearest rank rounds it up.
	n := float64(h.TotalCount())
	rank := math.Ceil(q*n - 1e-9)
	return time.Duration(h.ValueAtQuantile(100*rank/n)) * time.Microsecond
}

// Latency returns the distribution.
func (t *Times) Latency() Latency {
	t.mu.Lock()
	count := int(t.histogram().TotalCount())
	t.mu.Unlock()
	ms := func(q float64) float64 { return Milliseconds(t.Quantile(q)) }
	return Latency{Count: count, P50: ms(0.5), P95: ms(0.95), P99: ms(0.99), Max: ms(1)}
}

// Milliseconds converts a duration.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
