package geo

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"meridian/internal/discovery"
)

// An upstream is the edge's state of a region: where its pods are, what operators decided, and how much it takes.
type upstream struct {
	region string
	share  int // planned, in basis points of all requests
	log    *slog.Logger
	limit  *limit
	reads  quantile // of how long its answers to reads take
	now    atomic.Pointer[outlook]
}

// An outlook is what is known of a region until the directory says otherwise.
type outlook struct {
	control discovery.Control
	age     time.Duration // for how long there has been no news
	known   int           // instances, those that cannot serve included
	pods    []*endpoint
	since   time.Time // when the region came back; zero if it always was there
}

// An endpoint is the edge's state of a pod. It stays the same for as long as the directory lists the pod.
type endpoint struct {
	discovery.Instance // as it was first seen; what may change since is weight
	weight             atomic.Int64

	of       *upstream
	url      *url.URL
	breakers []*gobreaker.TwoStepCircuitBreaker[struct{}] // one for all, then one for each of EdgeConfig.Breakers
	latency  peakEWMA
	inFlight atomic.Int64
	since    time.Time // when it was first seen; zero if that was at the start
}

func newUpstream(region string, shareBP int, cfg EdgeConfig) *upstream {
	u := &upstream{region: region, share: shareBP, log: cfg.Log.With(slog.String("region", region)), limit: newLimit(cfg.MaxPerRegion)}
	u.reads.set(cfg.HedgeAfter)
	u.now.Store(&outlook{control: discovery.Control{WeightPercent: 100}})
	return u
}

// follow takes over what the directory says.
func (e *Edge) follow(p discovery.Pool) {
	for name, region := range p.Regions {
		if u, ok := e.upstreams[name]; ok {
			u.follow(region, e.cfg, e.started.Load())
		}
	}
	e.started.Store(true)
}

// follow takes over what the directory says of the region. Pods and regions that come after the start take up load gradually.
func (u *upstream) follow(r discovery.Region, cfg EdgeConfig, started bool) {
	before := u.now.Load()
	known := make(map[string]*endpoint, len(before.pods))
	for _, pod := range before.pods {
		known[pod.ID] = pod
	}
	next := &outlook{control: r.Control, age: r.Age, known: r.Known, since: before.since}
	capacity := 0
	for _, i := range r.Instances {
		pod := known[i.ID]
		if pod == nil || pod.URL != i.URL {
			pod = newEndpoint(u, i, cfg)
			if started {
				pod.since = time.Now()
			}
		}
		pod.weight.Store(int64(i.Weight))
		next.pods = append(next.pods, pod)
		capacity += i.Capacity
	}
	was, is := before.control.Takes() && len(before.pods) > 0, r.Control.Takes() && len(next.pods) > 0
	if is && !was && started {
		next.since = time.Now()
	}
	if was != is {
		u.log.Warn("region changed", slog.Bool("takes_requests", is), slog.Int("pods", len(next.pods)), slog.Bool("drained", r.Control.Drained))
	}
	u.limit.bound(capacity)
	u.now.Store(next)
}

func newEndpoint(u *upstream, i discovery.Instance, cfg EdgeConfig) *endpoint {
	at, _ := url.Parse(i.URL) // a directory lists valid instances only
	pod := &endpoint{Instance: i, of: u, url: at}
	for _, settings := range append([]Breaker{{Failures: cfg.BreakerFailures, Open: cfg.BreakerOpen}}, cfg.Breakers...) {
		pod.breakers = append(pod.breakers, newBreaker(u, i.ID, settings))
	}
	return pod
}

func newBreaker(u *upstream, id string, settings Breaker) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        id,
		Timeout:     settings.Open,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(settings.Failures) },
		// A client that hangs up or stalls is not a failure of the pod, nor is what this machine lacks.
		IsExcluded: func(err error) bool {
			return errors.Is(err, context.Canceled) || errors.Is(err, errClientStalled) || isLocal(err)
		},
		OnStateChange: func(id string, from, to gobreaker.State) {
			u.log.Warn("circuit changed", slog.String("instance", id), slog.String("path", settings.Path),
				slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
}

// usable reports whether the region has a pod that may be given a request of a kind.
func (u *upstream) usable(kind int) bool {
	for _, pod := range u.now.Load().pods {
		if pod.usable(kind) {
			return true
		}
	}
	return false
}

// usable reports whether neither the pod's circuit nor that of the kind of request is open.
func (p *endpoint) usable(kind int) bool {
	return p.breakers[0].State() != gobreaker.StateOpen && (kind == 0 || p.breakers[kind].State() != gobreaker.StateOpen)
}

// allow asks the circuits for a try, and returns what its outcome is reported to.
func (p *endpoint) allow(kind int) (report func(error), ok bool) {
	ofAll, err := p.breakers[0].Allow()
	if err != nil || kind == 0 {
		return ofAll, err == nil
	}
	ofKind, err := p.breakers[kind].Allow()
	if err != nil {
		ofAll(context.Canceled) // it was not tried
		return nil, false
	}
	return func(err error) { ofAll(err); ofKind(err) }, true
}

// ramp returns the part of its load, 0.1 to 1, that what came back at a moment is given: all of it after the window.
func ramp(since time.Time, window time.Duration) float64 {
	if since.IsZero() || window <= 0 {
		return 1
	}
	return min(1, max(0.1, float64(time.Since(since))/float64(window)))
}

// A RegionHealth describes the edge's view of a region.
type RegionHealth struct {
	// Region is the region's name.
	Region string
	// Usable says that the region is given requests: it has a pod whose circuit is not open, and takes them.
	Usable bool
	// Pods are those that the directory says can serve, Known all of them, Open those whose circuit is open.
	Pods, Known, Open int
	// Drained and WeightPercent are what operators decided.
	Drained       bool
	WeightPercent int
	// Age is for how long there has been no news of the region.
	Age time.Duration
	// InFlight is the number of requests that it has, Limit how many it is given.
	InFlight, Limit int64
}

// Health returns the edge's view of each region.
func (e *Edge) Health() []RegionHealth {
	list := make([]RegionHealth, 0, len(e.upstreams))
	for _, name := range e.cfg.Regions.Names() {
		u := e.upstreams[name]
		now := u.now.Load()
		h := RegionHealth{
			Region: name, Usable: now.control.Takes() && u.usable(0), Pods: len(now.pods), Known: now.known, Drained: now.control.Drained,
			WeightPercent: now.control.WeightPercent, Age: now.age, InFlight: u.limit.inFlight.Load(), Limit: u.limit.current(),
		}
		for _, pod := range now.pods {
			if !pod.usable(0) {
				h.Open++
			}
		}
		list = append(list, h)
	}
	return list
}
