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
	errBadAnswer      = errors.New("it answers 500")
)

// A journey is one request on its way through the regions. It is the transport of that request's proxy.
type journey struct {
	edge      *Edge
	loc       Location
	requestID string
	plan      []stop
	body      *requestBody
	long      time.Duration // how long a region may take, if that is longer than usual
	started   time.Time
	kind      int // of breaker
	priority  priority
	read      bool          // it changes nothing
	out       *http.Request // as it is sent to regions

	tries    int
	tried    []*endpoint
	inRegion int // tries in the region that is asked
	// A try that failed may have changed something; a region had no place left; another try followed one that failed.
	uncertain, full, moved bool
	// What came of it, for the metrics.
	answeredBy string
	why        reason
	outcome    outcome
}

// RoundTrip sends the request to the regions of the plan until one answers. See Edge for the rules.
func (j *journey) RoundTrip(out *http.Request) (*http.Response, error) {
	j.out = out
	resp, err := j.ask(out)
	if out.Context().Err() != nil || err == nil && !cannotServe(resp.StatusCode) {
		return resp, err
	}
	if kept, region := j.edge.kept.answer(out); kept != nil {
		if resp != nil {
			discard(resp.Body)
		}
		return j.accept(kept, region, reasonStale), nil
	}
	return resp, err
}

// ask asks the regions of the plan, and those of their pods that may do better.
func (j *journey) ask(out *http.Request) (*http.Response, error) {
	for left := j.plan; j.mayTry(); {
		var pod *endpoint
		if left, pod = j.next(left); pod == nil {
			break
		}
		got := j.race(out, pod)
		j.tried, j.inRegion = append(j.tried, pod), j.inRegion+1
		switch {
		case got.closed: // its circuit has opened since it was picked
			continue
		case got.full:
			j.full, left, j.inRegion = true, left[1:], 0
			if !j.another(left) { // what spills over is further work for the others, too
				return nil, j.failure()
			}
			j.overflow(left)
			continue
		}
		j.tries++
		if got.good() || got.failed == nil && !j.body.repeatable {
			return j.acceptTry(got, left[0]), nil
		}
		if err := j.giveUp(out, got.failed); err != nil {
			return nil, err
		}
		more := j.another(left)
		if got.failed == nil && !more {
			return j.acceptTry(got, left[0]), nil
		}
		j.uncertain = j.uncertain || got.failed != nil && got.failed.sent && !j.read
		if !more {
			break
		}
		j.failOver(out.Context(), got)
	}
	return nil, j.failure()
}

// failure returns why no region answered.
func (j *journey) failure() error {
	switch {
	case j.uncertain:
		return errOutcomeUnknown
	case j.full:
		return errOverloaded
	}
	return errNoRegion
}

// acceptTry returns the answer of a try.
func (j *journey) acceptTry(got outcomeOfTry, at stop) *http.Response {
	why := at.why
	switch {
	case got.hedged:
		why = reasonHedge
	case j.moved:
		why = reasonFailover
	}
	return j.accept(got.resp, got.by.of.region, why)
}

// giveUp returns why a request must not be tried again after a failure, or nil if it may.
func (j *journey) giveUp(out *http.Request, failed *tryError) error {
	switch {
	case failed == nil:
		return nil
	case out.Context().Err() != nil || j.body.broken.Load():
		return failed
	case failed.sent && !j.body.repeatable:
		return fmt.Errorf("%w: %w", errOutcomeUnknown, failed)
	case isLocal(failed):
		return errOverloaded
	}
	return nil
}

// podsOfRegion are the pods of a region that a request is sent to at most, before the next region is asked.
const podsOfRegion = 2

// next returns the pod to ask, with what is left of the plan, its region first; or nil.
func (j *journey) next(left []stop) ([]stop, *endpoint) {
	for len(left) > 0 {
		if j.inRegion < podsOfRegion {
			if pod := left[0].pick(j.kind, j.tried, j.edge.cfg.SlowStart); pod != nil {
				return left, pod
			}
		}
		left, j.inRegion = left[1:], 0
	}
	return nil, nil
}

// An outcomeOfTry is what came of asking a pod.
type outcomeOfTry struct {
	by           *endpoint
	resp         *http.Response
	failed       *tryError
	full, closed bool // it was not asked: its region has no place left, or its circuit is open
	hedged       bool // it is that of a second try
}

// good reports whether it is an answer that no other pod would do better.
func (o outcomeOfTry) good() bool { return o.resp != nil && !cannotServe(o.resp.StatusCode) }

// attempt asks one pod if its region has a place left, and learns from what comes of it.
func (j *journey) attempt(out *http.Request, pod *endpoint) outcomeOfTry {
	u := pod.of
	if !u.limit.enter(j.priority) {
		return outcomeOfTry{by: pod, full: true}
	}
	report, ok := pod.allow(j.kind)
	if !ok {
		u.limit.leave()
		return outcomeOfTry{by: pod, closed: true}
	}
	began := time.Now()
	pod.inFlight.Add(1)
	resp, failed := j.tryTraced(out, pod)
	took := time.Since(began)
	report(j.blame(pod, resp, failed))
	u.limit.observe(overloaded(resp, failed, j.read && j.long == 0, took), began.Add(took))
	j.learn(pod, resp, failed, took, began.Add(took))
	return outcomeOfTry{by: pod, resp: resp, failed: failed}
}

// learn takes note of how long a pod took. One that failed, or was not waited for, took at least so long.
func (j *journey) learn(pod *endpoint, resp *http.Response, failed *tryError, took time.Duration, now time.Time) {
	if failed == nil || took > time.Duration(pod.latency.get(now)) {
		pod.latency.observe(took, now)
	}
	reads := &pod.of.reads
	if j.read && (failed == nil && resp.StatusCode < http.StatusInternalServerError || failed != nil && took > reads.get()) {
		reads.observe(took)
	}
}

// blame returns what the circuits record of a try. Answers count as a success: a payment company that is down must not close the
// shop. But a pod that answers 500 again and again while the region has others is left to them.
func (j *journey) blame(pod *endpoint, resp *http.Response, failed *tryError) error {
	if failed != nil {
		return failed
	}
	if resp.StatusCode != http.StatusInternalServerError {
		return nil
	}
	pods := pod.of.now.Load().pods
	usable := 0
	for _, p := range pods {
		if p.usable(0) {
			usable++
		}
	}
	if 2*usable <= len(pods) || usable < 2 {
		return nil
	}
	return errBadAnswer
}

// mayTry reports whether the bounds on number and time allow one more try.
func (j *journey) mayTry() bool { return j.tries < j.edge.cfg.MaxTries && j.timeLeft() > 0 }

// another reports whether a try will follow, and takes it out of the edge's budget.
func (j *journey) another(left []stop) bool {
	return j.mayTry() && slices.ContainsFunc(left, func(s stop) bool {
		return s.limit.room(j.priority) && s.pick(j.kind, j.tried, j.edge.cfg.SlowStart) != nil
	}) && j.edge.retries.take()
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
func (j *journey) accept(resp *http.Response, from string, why reason) *http.Response {
	j.answeredBy, j.why, j.outcome = from, why, outcomeOf(resp.StatusCode)
	resp.Header.Set(headerEdgeRegion, from)
	resp.Header.Set(headerEdgeReason, string(why))
	if resp.Header.Get(headerRequestID) == "" || why == reasonStale {
		resp.Header.Set(headerRequestID, j.requestID)
	}
	return resp
}

// finish makes the answer safe for caches in front, and keeps it for when no region answers.
func (j *journey) finish(resp *http.Response) error {
	if j.why != reasonStale {
		j.edge.kept.keep(j.out, j.answeredBy, resp)
	}
	return j.varyByClient(resp)
}

// failOver leaves a try behind that another follows: it discards what was answered, logs it and counts it.
func (j *journey) failOver(ctx context.Context, got outcomeOfTry) {
	j.moved = true
	said := "it cannot serve"
	if got.failed != nil {
		said = got.failed.Error()
	} else {
		discard(got.resp.Body)
	}
	got.by.of.log.LogAttrs(ctx, slog.LevelWarn, "asking the next pod or region",
		slog.String("request_id", j.requestID), slog.String("instance", got.by.ID), slog.String("error", said))
	j.countFailover(ctx, got.by.of)
}

// A tryError says why a region did not answer.
type tryError struct {
	region string
	sent   bool // some of the request may have reached the region
	err    error
}

func (e *tryError) Error() string { return fmt.Sprintf("asking %s: %v", e.region, e.err) }
func (e *tryError) Unwrap() error { return e.err }

// done gives back the places that a try took, of the pod and of its region.
func (p *endpoint) done() {
	p.inFlight.Add(-1)
	p.of.limit.leave()
}

// tryTraced calls try in a span that is the parent of the region's spans.
func (j *journey) tryTraced(out *http.Request, to *endpoint) (*http.Response, *tryError) {
	ctx, span := j.edge.beginTry(out.Context(), out.Method, to.of.region)
	resp, failed := j.try(out.WithContext(ctx), to)
	j.edge.endTry(ctx, span, to.of.region, resp, failed)
	return resp, failed
}

// try sends the request to one region and waits for the headers of its answer. The body that follows has no deadline.
func (j *journey) try(out *http.Request, to *endpoint) (*http.Response, *tryError) {
	ctx, cancel := context.WithCancelCause(out.Context())
	wait := j.newPatience(out.Method, cancel)
	var connected atomic.Bool
	req := out.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	req.URL.Scheme, req.URL.Host = to.url.Scheme, to.url.Host
	req.Header.Set(headerEdgeRegion, to.of.region)
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
		to.done()
		return nil, &tryError{region: to.of.region, sent: connected.Load(), err: err}
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // whose body must stay what it is; ctx ends with the request
		to.done()
		return resp, nil
	}
	resp.Body = &endingBody{ReadCloser: resp.Body, end: sync.OnceFunc(func() { cancel(nil); to.done() })}
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
