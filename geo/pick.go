package geo

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ewmaDecay is the time after which an old answer counts for a third: Finagle's default.
const ewmaDecay = 10 * time.Second

// A peakEWMA is an average of how long answers took, in nanoseconds, that rises at once and falls slowly, so that a pod that
// becomes slow is avoided before it fails. It is Finagle's "peak EWMA". It is safe for concurrent use.
type peakEWMA struct {
	mu    sync.Mutex
	value float64
	at    time.Time
}

func (p *peakEWMA) observe(took time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := float64(took); x > p.value {
		p.value = x
	} else {
		weight := math.Exp(-float64(now.Sub(p.at)) / float64(ewmaDecay))
		p.value = p.value*weight + x*(1-weight)
	}
	p.at = now
}

// get returns the average. It falls while nothing is observed, so that a pod that was slow is tried again.
func (p *peakEWMA) get(now time.Time) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value * math.Exp(-float64(now.Sub(p.at))/float64(ewmaDecay))
}

// cost is what one more request at the pod is expected to wait: its time and queue, by its weight and by how far it has come
// back.
func (p *endpoint) cost(slowStart time.Duration, now time.Time) float64 {
	share := float64(max(1, p.weight.Load())) * ramp(p.since, slowStart)
	return (p.latency.get(now) + float64(time.Microsecond)) * float64(p.inFlight.Load()+1) / share
}

// pick returns the cheaper of two random pods of the region that may be given a request of a kind and are not among those that were
// tried, or nil. Two choices nearly balance as well as looking at all, and do not send everybody to the same pod (Mitzenmacher,
// "The power of two choices in randomized load balancing").
func (u *upstream) pick(kind int, tried []*endpoint, slowStart time.Duration) *endpoint {
	pods := u.now.Load().pods
	one := scan(pods, kind, tried, nil)
	other := scan(pods, kind, tried, one)
	if now := time.Now(); other != nil && other.cost(slowStart, now) < one.cost(slowStart, now) {
		return other
	}
	return one
}

// scan returns the first pod behind a random place that may be given a request of a kind, is not among those that were tried and is
// not the one that was found before, or nil.
func scan(pods []*endpoint, kind int, tried []*endpoint, found *endpoint) *endpoint {
	if len(pods) == 0 {
		return nil
	}
	start := rand.IntN(len(pods))
	for n := range pods {
		if pod := pods[(start+n)%len(pods)]; pod != found && pod.usable(kind) && !slices.Contains(tried, pod) {
			return pod
		}
	}
	return nil
}

// A quantile estimates the 95th percentile of durations, without keeping them: each that is above moves it up by 19 steps, each
// that is below moves it down by one (stochastic approximation; Robbins and Monro). It is safe for concurrent use.
type quantile struct{ nanos atomic.Int64 }

const leastStep = 20 * time.Microsecond

func (q *quantile) set(d time.Duration) { q.nanos.Store(int64(d)) }

func (q *quantile) get() time.Duration { return time.Duration(q.nanos.Load()) }

func (q *quantile) observe(took time.Duration) {
	now := q.nanos.Load()
	step := max(now/1000, int64(leastStep)/20)
	if int64(took) > now {
		step *= -19
	}
	q.nanos.Add(-step) // two at the same time both count
}
