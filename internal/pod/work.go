package pod

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"meridian/internal/idempotency"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/search/indexer"
)

// job is a kind of background work. Each pass returns how many items it found.
type job struct {
	name  string
	every time.Duration
	once  func(ctx context.Context) (int, error)
}

// sweepLimit bounds the rows one pass of a sweeper deletes.
const sweepLimit = 1000

// alertLimit bounds the stock rows of one pass: they are one transaction, which competes with the checkouts of what
// sells best.
const alertLimit = 50

// jobs returns the region's background work. Any pod may run it, because every pass claims its rows in the database.
// Other regions take over what a dead region left after a minute.
func (p *Pod) jobs() []job {
	courier := &outbox.Courier{DB: p.DB, Receive: p.events, Metrics: p.deliveries}
	return append(p.homework(courier), p.takeovers(courier)...)
}

// takeOverEvery is the pause between two looks at what another region has left lying: much longer than that between looks
// at a region's own rows.
const takeOverEvery = 20 * time.Second

// takeovers returns one job for each other region, so that an unreachable region holds up only its own job.
func (p *Pod) takeovers(courier *outbox.Courier) []job {
	var jobs []job
	for _, region := range p.config.Regions.Names() {
		if region == p.config.Region {
			continue
		}
		jobs = append(jobs, job{"take over from " + region, takeOverEvery, func(ctx context.Context) (int, error) {
			work, err := p.Orders.TakeOverOnce(ctx, region)
			if work == 0 && err != nil {
				return 0, err // its events are out of reach, too
			}
			events, failed := courier.TakeOverOnce(ctx, region)
			return work + events, errors.Join(err, failed)
		}})
	}
	return jobs
}

// homework returns the jobs on the region's own rows.
func (p *Pod) homework(courier *outbox.Courier) []job {
	inbox := payment.Inbox{DB: p.DB, Regions: p.config.Regions}
	return []job{
		{"webhooks", time.Second, p.Orders.ProcessWebhooksOnce},
		{"payments", time.Second, p.Orders.CheckPaymentsOnce},
		{"expiry", time.Second, p.Orders.ExpireOnce},
		{"refunds", time.Second, p.Orders.SendRefundsOnce},
		{"provider books", time.Second, p.Orders.CompareOnce},
		{"reconciliation", time.Minute, p.Orders.ReconcileOnce},
		{"events", time.Second, courier.DeliverOnce},
		{"exchange rates", time.Minute, p.Rates.UpdateOnce},
		{"stock alerts", 15 * time.Second, func(ctx context.Context) (int, error) { return p.Inventory.AlertOnce(ctx, alertLimit) }},
		{"refresh tokens", time.Minute, func(ctx context.Context) (int, error) { return p.Accounts.SweepOnce(ctx, sweepLimit) }},
		{"carts", time.Minute, func(ctx context.Context) (int, error) { return p.Carts.SweepOnce(ctx, sweepLimit) }},
		{"idempotency keys", time.Minute, func(ctx context.Context) (int, error) { return idempotency.SweepOnce(ctx, p.DB, sweepLimit) }},
		{"searched texts", time.Minute, func(ctx context.Context) (int, error) { return p.Search.SweepTerms(ctx, sweepLimit) }},
		{"old search indexes", time.Minute, func(ctx context.Context) (int, error) { return indexer.SweepOnce(ctx, p.DB, sweepLimit) }},
		{"old events", time.Minute, func(ctx context.Context) (int, error) { return outbox.SweepOnce(ctx, p.DB, sweepLimit) }},
		{"old webhooks", time.Minute, func(ctx context.Context) (int, error) { return inbox.SweepOnce(ctx, sweepLimit) }},
	}
}

// rotation returns the job that keeps this process's signing keys fresh. Every pod that signs runs it.
func (p *Pod) rotation() job {
	return job{"signing keys", time.Minute, func(ctx context.Context) (int, error) { return 0, p.Accounts.RotateOnce(ctx) }}
}

// pruning returns the job that shortens the bought-together lists of products whose orders this process counted.
func (p *Pod) pruning() job {
	return job{"bought together", time.Minute, p.Recommend.PruneOnce}
}

// Work does the region's background work until ctx ends. A pass under way gets stopGrace to finish.
func (p *Pod) Work(ctx context.Context) {
	var running sync.WaitGroup
	for _, j := range append(p.jobs(), p.watches()...) {
		running.Go(func() { p.repeat(ctx, j) })
	}
	if p.feeds(SearchMeilisearch) {
		running.Go(func() { p.feed.Run(ctx) })
	}
	running.Wait()
}

// repeat runs a job's passes: at once again after a pass that found items, since each failed item is postponed on its
// own; else after a wait, with jitter so that pods do not run in step, which grows with each failed pass.
func (p *Pod) repeat(ctx context.Context, j job) {
	wait := j.every
	for ctx.Err() == nil {
		n, err := p.pass(ctx, j)
		if n > 0 {
			wait = j.every
			continue
		}
		wait = nextWait(j.every, wait, err)
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// longestWait bounds the wait after failed passes, unless the job's interval is longer.
const longestWait = 30 * time.Second

// nextWait returns the wait after a pass that found nothing: the job's own interval or, after a failure, twice the
// last wait up to longestWait.
func nextWait(every, last time.Duration, err error) time.Duration {
	if err == nil {
		return every
	}
	return max(every, min(2*last, longestWait))
}

const (
	// passTimeout bounds one pass, so that a call that hangs does not end the job for good.
	passTimeout = 2 * time.Minute
	// stopGrace is what a pass that has begun still gets when the pod is to stop: less than
	// an orchestrator waits before it kills. What is cut off is claimed again.
	stopGrace = 10 * time.Second
)

// pass runs a job once, in a trace of its own. It returns a panic as an error.
func (p *Pod) pass(ctx context.Context, j job) (n int, err error) {
	running, cancel := context.WithTimeout(context.WithoutCancel(ctx), passTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })()
	running, end := p.metrics.beginPass(running, j.name)
	defer func() {
		if err != nil && ctx.Err() == nil {
			p.log.WarnContext(running, "background work", "job", j.name, "error", err)
		}
		end(n, err)
	}()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return j.once(running)
}
