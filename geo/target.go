package geo

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/sony/gobreaker/v2"
)

// A target is the edge's state of a region: its address, the results of probes (health) and of requests (the circuit
// breaker).
type target struct {
	region  string
	url     *url.URL
	log     *slog.Logger
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]

	most     int64 // requests at a time
	inFlight atomic.Int64

	mu       sync.Mutex
	down     bool
	failures int    // of probes, in a row
	reason   string // what the last failed probe said, while there are failures
}

func newTarget(t Target, cfg EdgeConfig) *target {
	return &target{
		region: t.Region,
		url:    t.URL,
		most:   int64(cfg.MaxPerRegion),
		log:    cfg.Log.With(slog.String("region", t.Region)),
		breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Name:    t.Region,
			Timeout: cfg.BreakerOpen,
			ReadyToTrip: func(c gobreaker.Counts) bool {
				return int64(c.ConsecutiveFailures) >= int64(cfg.BreakerFailures)
			},
			// A client that hangs up or stalls is not a failure of the region, nor is what this machine lacks.
			IsExcluded: func(err error) bool {
				return errors.Is(err, context.Canceled) || errors.Is(err, errClientStalled) || isLocal(err)
			},
			OnStateChange: func(name string, from, to gobreaker.State) {
				cfg.Log.Warn("circuit changed", slog.String("region", name),
					slog.String("from", from.String()), slog.String("to", to.String()))
			},
		}),
	}
}

// usable reports whether the target may be given requests: its probes succeed and its circuit is not open.
func (t *target) usable() bool { return t.healthy() && t.breaker.State() != gobreaker.StateOpen }

func (t *target) healthy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.down
}
