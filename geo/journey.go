package geo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errNoRegion       = errors.New("no region can serve the request")
	errOutcomeUnknown = errors.New("the region did not answer, and the request cannot be repeated")
	errTooSlow        = errors.New("no answer in time")
	errOverloaded     = errors.New("too much is going on at once")
	errClientStalled  = errors.New("the client paused in the middle of its body")
)

// A journey is one request on its way through the regions. It is the transport of that request's proxy.
type journey struct {
	edge      *Edge
	loc       Location
	requestID string
	plan      []*target
	body      *requestBody
	long      time.Duration // how long a region may take, if that is longer than usual
	started   time.Time

	tries int
	// What came of it, for the metrics.
	answeredBy string
	outcome    outcome
}

// RoundTrip sends the request to the regions of the plan until one answers. See Edge for the rules.
func (j *journey) RoundTrip(out *http.Request) (*http.Response, error) {
	uncertain, full := false, false // a try that failed may have changed something; a region has no place left
	for i, to := range j.plan {
		if !j.mayTry() {
			break
		}
		if !to.enter() {
			full = true
			if !j.another(i) { // what spills over is further work for the others, too
				break
			}
			continue
		}
		report, err := to.breaker.Allow()
		if err != nil {
			to.leave()
			continue // its circuit has opened since the plan was made
		}
		j.tries++
		resp, failed := j.tryTraced(out, to)
		report(blame(failed))
		if failed == nil && !(cannotServe(resp.StatusCode) && j.body.repeatable) {
			return j.accept(resp, to), nil
		}
		switch {
		case failed == nil:
		case out.Context().Err() != nil || j.body.broken.Load():
			return nil, failed
		case failed.sent && !j.body.repeatable:
			return nil, fmt.Errorf("%w: %w", errOutcomeUnknown, failed)
		case isLocal(failed):
			return nil, errOverloaded
		}
		more := j.another(i)
		if failed == nil {
			if !more {
				return j.accept(resp, to), nil
			}
			discard(resp.Body)
		} else {
			uncertain = uncertain || failed.sent && changes(out.Method)
		}
		if !more {
			break
		}
		j.failOver(out.Context(), to, failed)
	}
	switch {
	case uncertain:
		return nil, errOutcomeUnknown
	case full:
		return nil, errOverloaded
	}
	return nil, errNoRegion
}

// blame returns what the breaker records of a try: any answer counts as a success.
func blame(failed *tryError) error {
	if failed == nil {
		return nil
	}
	return failed
}

// mayTry reports whether the bounds on number and time allow one more try.
func (j *journey) mayTry() bool { return j.tries < j.edge.cfg.MaxTries && j.timeLeft() > 0 }

// another reports whether a try will follow the one at i of the plan, and takes it out of the edge's budget.
func (j *journey) another(i int) bool {
	return j.mayTry() && slices.ContainsFunc(j.plan[i+1:], func(t *target) bool { return t.usable() && !t.full() }) && j.edge.retries.take()
}

// cannotServe reports whether another region may do better: after 503 from a region, or 502 and 504 from a load
// balancer that does not reach its pods.
func cannotServe(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
}

// timeLeft returns what remains of the time for all tries.
func (j *journey) timeLeft() time.Duration {
	return max(j.edge.cfg.TotalTimeout, j.long) - time.Since(j.started)
}

// accept returns the region's answer with the edge's headers and records its outcome.
func (j *journey) accept(resp *http.Response, from *target) *http.Response {
	j.answeredBy = from.region
	j.outcome = outcomeOf(resp.StatusCode)
	resp.Header.Set(headerEdgeRegion, from.region)
	if resp.Header.Get(headerRequestID) == "" {
		resp.Header.Set(headerRequestID, j.requestID)
	}
	return resp
}

// failOver logs and counts that a try failed and another follows. failed is nil if the region answered that it cannot
// serve.
func (j *journey) failOver(ctx context.Context, from *target, failed *tryError) {
	from.log.LogAttrs(ctx, slog.LevelWarn, "asking the next region",
		slog.String("request_id", j.requestID), slog.Any("error", blame(failed)))
	j.countFailover(ctx, from)
}

// A tryError says why a region did not answer.
type tryError struct {
	region string
	sent   bool // some of the request may have reached the region
	err    error
}

func (e *tryError) Error() string { return fmt.Sprintf("asking %s: %v", e.region, e.err) }
func (e *tryError) Unwrap() error { return e.err }

// tryTraced calls try in a span that is the parent of the region's spans.
func (j *journey) tryTraced(out *http.Request, to *target) (*http.Response, *tryError) {
	ctx, span := j.edge.beginTry(out.Context(), out.Method, to.region)
	resp, failed := j.try(out.WithContext(ctx), to)
	j.edge.endTry(ctx, span, to.region, resp, failed)
	return resp, failed
}

// try sends the request to one region and waits for the headers of its answer. The body that follows has no deadline.
func (j *journey) try(out *http.Request, to *target) (*http.Response, *tryError) {
	ctx, cancel := context.WithCancelCause(out.Context())
	wait := j.newPatience(out.Method, cancel)
	var connected atomic.Bool
	req := out.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	req.URL.Scheme, req.URL.Host = to.url.Scheme, to.url.Host
	req.Header.Set(headerEdgeRegion, to.region)
	continueTrace(ctx, req.Header)
	j.body.attach(req, wait)
	resp, err := j.edge.transport.RoundTrip(req)
	wait.end()
	if err == nil && ctx.Err() != nil {
		_ = resp.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		err = j.reason(ctx, err)
		cancel(nil)
		to.leave()
		return nil, &tryError{region: to.region, sent: connected.Load(), err: err}
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // whose body must stay what it is; ctx ends with the request
		to.leave()
		return resp, nil
	}
	resp.Body = &endingBody{ReadCloser: resp.Body, end: sync.OnceFunc(func() { cancel(nil); to.leave() })}
	return resp, nil
}

// reason distinguishes what the transport reports alike: a region that is too slow, which counts against it, and a
// client that went away, which does not.
func (j *journey) reason(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errTooSlow):
		return errTooSlow
	case errors.Is(context.Cause(ctx), errClientStalled):
		j.body.broken.Store(true)
		return errClientStalled
	case j.body.broken.Load():
		return fmt.Errorf("reading the request's body: %w", context.Canceled)
	}
	return err
}

// endingBody ends its request's context when it is closed.
type endingBody struct {
	io.ReadCloser
	end func()
}

func (b *endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// patience cancels a try that takes too long. For a streamed body, the time starts again whenever some of it is read; while
// the client is waited for, it is the client's.
type patience struct {
	mu      sync.Mutex
	timer   *time.Timer
	after   time.Duration
	reading bool
	ended   bool
}

func (j *journey) newPatience(method string, cancel context.CancelCauseFunc) *patience {
	after := j.edge.cfg.ReadTimeout
	if changes(method) {
		after = j.edge.cfg.WriteTimeout
	}
	after = max(after, j.long)
	if j.body.stream == nil {
		after = min(after, j.timeLeft())
	}
	p := &patience{after: after}
	p.timer = time.AfterFunc(after, func() { cancel(p.fault()) })
	return p
}

// fault returns whom the time ran out for.
func (p *patience) fault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reading {
		return errClientStalled
	}
	return errTooSlow
}

// read notes that the client is waited for, or that it is no more.
func (p *patience) read(reading bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = reading
	if !p.ended {
		p.timer.Reset(p.after)
	}
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.timer.Stop()
}
