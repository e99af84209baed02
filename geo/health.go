package geo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A TargetHealth describes the edge's view of a region.
type TargetHealth struct {
	// Region is the region's name.
	Region string
	// Usable says that the region is given requests: it is Healthy and its circuit is not open.
	Usable bool
	// Healthy says that its probes succeed.
	Healthy bool
	// Circuit is the state of its circuit breaker: "closed", "half-open" or "open".
	Circuit string
	// Reason is what the last probe found wrong, or empty.
	Reason string
}

// Health returns the edge's view of each region it can reach, in the order of the configuration.
func (e *Edge) Health() []TargetHealth {
	list := make([]TargetHealth, 0, len(e.cfg.Targets))
	for _, configured := range e.cfg.Targets {
		list = append(list, e.targets[configured.Region].health())
	}
	return list
}

func (t *target) health() TargetHealth {
	usable, circuit := t.usable(), t.breaker.State().String()
	t.mu.Lock()
	defer t.mu.Unlock()
	return TargetHealth{Region: t.region, Usable: usable, Healthy: !t.down, Circuit: circuit, Reason: t.reason}
}

// RunHealth probes every region at once and then at each interval, until ctx ends.
func (e *Edge) RunHealth(ctx context.Context) {
	ticker := time.NewTicker(e.cfg.Health.Interval)
	defer ticker.Stop()
	for {
		e.CheckOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// CheckOnce probes every region at the same time and records the results. A probe that ctx cuts short, or that this machine
// has nothing left for, counts for nothing.
func (e *Edge) CheckOnce(ctx context.Context) {
	var probes sync.WaitGroup
	for _, t := range e.targets {
		probes.Go(func() {
			err := e.probe(ctx, t)
			if ctx.Err() == nil && !isLocal(err) {
				t.note(err, e.cfg.Health.DownAfter)
			}
		})
	}
	probes.Wait()
}

// probe returns nil if the region answers that it is ready.
func (e *Edge) probe(ctx context.Context, t *target) error {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Health.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url.JoinPath(e.cfg.Health.Path).String(), nil)
	if err != nil {
		return fmt.Errorf("probing %s: %w", t.region, err)
	}
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("probing %s: %w", t.region, err)
	}
	discard(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("probing %s: it answers %s", t.region, resp.Status)
	}
	return nil
}

// note counts a probe's outcome and marks the target down or up.
func (t *target) note(err error, downAfter int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		if t.down {
			t.log.Info("region is up")
		}
		t.down, t.failures, t.reason = false, 0, ""
		return
	}
	t.failures, t.reason = t.failures+1, err.Error()
	if !t.down && t.failures >= downAfter {
		t.down = true
		t.log.Warn("region is down", slog.Any("error", err))
	}
}

// maxDiscard bounds how much of an unwanted answer is read so that its connection can be reused.
const maxDiscard = 64 << 10

// discard reads the rest of an answer and closes it.
func discard(body io.ReadCloser) {
	// An error only means that the connection cannot be used again.
	_, _ = io.CopyN(io.Discard, body, maxDiscard)
	_ = body.Close()
}
