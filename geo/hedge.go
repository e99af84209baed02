package geo

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// leastHedge is the least time that a region is given before a read is sent elsewhere too: below it, waiting is cheaper.
const leastHedge = 5 * time.Millisecond

// A hedge is a second try of a read that begins when the first one takes long. The first good answer counts (Dean and Barroso, "The
// Tail at Scale").
type hedge struct {
	journey *journey
	timer   *time.Timer
	ended   chan struct{} // closed when the second try has ended
	// cancelFirst and cancelSecond end the tries.
	cancelFirst, cancelSecond context.CancelFunc

	mu     sync.Mutex
	chosen bool // the first try's outcome is what counts
	second outcomeOfTry
	won    bool // the second try's answer is what counts, and the first try is ended
}

// race tries a pod, and a second one too if the first takes longer than its region's reads usually do. It returns the outcome that
// counts.
func (j *journey) race(out *http.Request, first *endpoint) outcomeOfTry {
	if !j.read || j.body.stream != nil || len(j.body.kept) > 0 || j.edge.cfg.HedgePercent < 0 {
		return j.attempt(out, first)
	}
	ctx, cancelFirst := context.WithCancel(out.Context())
	second, cancelSecond := context.WithCancel(out.Context())
	h := &hedge{journey: j, ended: make(chan struct{}), cancelFirst: cancelFirst, cancelSecond: cancelSecond}
	h.timer = time.AfterFunc(max(leastHedge, first.of.reads.get()), func() { h.run(out.WithContext(second), first) })
	got := h.settle(j.attempt(out.WithContext(ctx), first))
	if got.resp == nil {
		cancelFirst()
		cancelSecond()
	} else if got.resp.StatusCode != http.StatusSwitchingProtocols { // whose body must stay what it is
		got.resp.Body = &endingBody{ReadCloser: got.resp.Body, end: func() { cancelFirst(); cancelSecond() }}
	}
	return got
}

// run is the second try.
func (h *hedge) run(out *http.Request, first *endpoint) {
	defer close(h.ended)
	j := h.journey
	to := j.hedgeTo(first)
	if to == nil || !j.edge.hedges.take() {
		return
	}
	j.countHedge(out.Context(), to.of)
	got := j.attempt(out, to)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.second = got
	switch {
	case h.chosen && got.resp != nil:
		discard(got.resp.Body)
	case !h.chosen && got.good():
		h.won = true
		h.cancelFirst()
	}
}

// hedgeTo returns another pod of the same region, else one of the next region, or nil.
func (j *journey) hedgeTo(first *endpoint) *endpoint {
	if pod := first.of.pick(j.kind, []*endpoint{first}, j.edge.cfg.SlowStart); pod != nil {
		return pod
	}
	for _, s := range j.plan {
		if s.upstream != first.of && !s.last {
			return s.pick(j.kind, nil, j.edge.cfg.SlowStart)
		}
	}
	return nil
}

// settle returns the outcome that counts: the second try's if that was the first good one, else the first's.
func (h *hedge) settle(first outcomeOfTry) outcomeOfTry {
	if h.timer.Stop() {
		return first // the second never began
	}
	if !first.good() {
		<-h.ended // its time is bounded as every try's
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.won {
		if first.resp != nil {
			discard(first.resp.Body)
		}
		h.second.hedged = true
		return h.second
	}
	h.chosen = true
	h.cancelSecond()
	if h.second.resp != nil {
		discard(h.second.resp.Body)
	}
	return first
}
