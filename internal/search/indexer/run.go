package indexer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// Run feeds the index until ctx ends. While another process feeds it, Run waits for that process's lease to end.
func (x *Indexer) Run(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		held, err := x.acquire(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			x.Log.WarnContext(ctx, "the search index is not fed", "replica", x.Replica, "error", err)
		}
		failing = err != nil
		if held == nil {
			pause(ctx, x.Lease/4)
			continue
		}
		x.hold(held)
	}
}

// hold feeds the index while the lease lasts.
func (x *Indexer) hold(l *lease) {
	var keeping sync.WaitGroup
	keeping.Go(func() { x.keep(l) })
	x.work(l.ctx)
	cause := context.Cause(l.ctx)
	l.end.Stop()
	l.cancel(nil)
	keeping.Wait()
	if errors.Is(cause, errLeaseTaken) || errors.Is(cause, errLeaseOver) {
		x.Log.WarnContext(l.ctx, "the feed of the search index stops", "replica", x.Replica, "cause", cause)
		return
	}
	if err := x.release(l.ctx); err != nil {
		x.Log.WarnContext(l.ctx, "the feed of the search index has stopped", "replica", x.Replica, "error", err)
	}
}

// work feeds the index and runs its jobs until ctx ends. Jobs have a loop of their own, so that a new index is filled
// without holding up the live one.
func (x *Indexer) work(ctx context.Context) {
	x.feeding.Lock()
	x.live, x.refreshed = x.newFeed(x.Store.Live()), time.Time{}
	x.feeding.Unlock()
	x.job = nil
	x.working.Store(nil)
	var jobs sync.WaitGroup
	jobs.Go(func() { x.loop(ctx, "the jobs of the search index fail", x.StateEvery, x.JobOnce) })
	x.loop(ctx, "the search index is not fed", x.Poll, x.RoundOnce)
	jobs.Wait()
}

// loop calls once until ctx ends: again at once while there is something to do, otherwise after idle, and after failures
// with increasing delays.
func (x *Indexer) loop(ctx context.Context, fails string, idle time.Duration, once func(context.Context) (bool, error)) {
	retry := x.Retry
	failing := false
	for ctx.Err() == nil {
		busy, err := once(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if !failing {
				x.Log.WarnContext(ctx, fails, "replica", x.Replica, "error", err)
			}
			pause(ctx, retry)
			retry = min(2*retry, x.RetryMost)
		case !busy:
			pause(ctx, idle)
		}
		if failing && err == nil {
			x.Log.InfoContext(ctx, "no more: "+fails, "replica", x.Replica)
		}
		if failing = err != nil; !failing {
			retry = x.Retry
		}
	}
}

// pause waits for about d, with jitter so that feeds do not run in step, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d*3/4 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// roundTimeout bounds a round, so that a hanging call does not stop the feed for good.
const roundTimeout = 2 * time.Minute

// RoundOnce brings the index up to date by one step. It returns true if there is more to do at once. Only the process
// that holds the lease may call it; Run does.
func (x *Indexer) RoundOnce(ctx context.Context) (busy bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	x.feeding.Lock()
	defer x.feeding.Unlock()
	defer func() {
		recovered(recover(), &err)
		if err != nil {
			x.refreshed = time.Time{} // read the positions of the index again
		}
		x.publish(err)
	}()
	if x.live == nil {
		x.live = x.newFeed(x.Store.Live())
	}
	if err := x.refresh(ctx); err != nil {
		return false, err
	}
	return x.live.step(ctx)
}

// recovered turns what was recovered from a panic into an error.
func recovered(r any, err *error) {
	if r != nil {
		*err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
	}
}

// JobOnce advances the current job by one step, and looks for one if there is none. It returns true if there is more to do
// at once. Only the process that holds the lease may call it, from one goroutine; Run does.
func (x *Indexer) JobOnce(ctx context.Context) (busy bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	defer func() { recovered(recover(), &err) }()
	if x.job == nil {
		if x.job, err = x.findJob(ctx); err != nil {
			return false, err
		}
	}
	return x.doJob(ctx)
}

// refresh reads, every StateEvery, what the sources do not show: the rules and the positions in the index.
func (x *Indexer) refresh(ctx context.Context) (err error) {
	if time.Since(x.refreshed) < x.StateEvery {
		return nil
	}
	began := time.Now()
	if x.rules, err = x.readRules(ctx); err != nil {
		return err
	}
	if x.live.positions == nil {
		if err := x.readAside(ctx); err != nil {
			return err
		}
	}
	if err := x.live.load(ctx); err != nil {
		return err
	}
	x.refreshed = began
	return nil
}
