package outage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meridian/internal/database"
	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/lab/localshop"
	"meridian/internal/lab/shopper"
	"meridian/internal/local"
	"meridian/internal/verify"
)

// run is one run.
type run struct {
	Config
	shop    *localshop.Shop
	goods   goods
	record  record
	journal shopper.Journal
}

// Run opens a shop, lets a fault happen to it while shoppers buy, and judges what came of it. What was found broken is in the
// result; Run fails only if the run could not be made.
func Run(ctx context.Context, fault Fault, config Config) (result Result, err error) {
	if err := config.Validate(); err != nil {
		return Result{}, err
	}
	r := &run{Config: config.withDefaults()}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	r.Tell("opening a shop with real distances")
	if r.shop, err = localshop.Open(ctx, r.shopConfig(fault), end); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.shop.Close()) }()
	if err := r.with(ctx, func(db *database.DB) (err error) {
		r.goods, err = fill(ctx, db, r.Regions)
		return err
	}); err != nil {
		return Result{}, err
	}
	result = Result{Fault: fault.Name, About: fault.About}
	if result.Measures, err = r.lose(ctx, fault); err != nil {
		return Result{}, errors.Join(err, context.Cause(ctx))
	}
	if status := r.shop.LabStatus().Database; status != nil {
		result.TookOver = status.TookOver.Seconds()
	}
	return result, r.with(ctx, func(db *database.DB) error { return r.audit(ctx, db, &result) })
}

const (
	// payWithin is how long an order waits for its payment, and checkAfter when a worker asks what became of it: short, so
	// that the end of every order is seen.
	payWithin  = 30 * time.Second
	checkAfter = 2 * time.Second
)

func (r *run) shopConfig(fault Fault) local.Config {
	config := local.Config{
		Regions: r.Regions, Dir: r.Dir, Empty: true, WAN: true, Standby: standbyRegion, NoUnpaidLimits: true,
		PayWithin: payWithin, CheckPaymentAfter: checkAfter, Argon2: r.Argon2, Log: r.Log,
	}
	if fault.alone {
		config.Standby = ""
	}
	return config
}

// with connects to the database, wherever its primary is by now.
func (r *run) with(ctx context.Context, do func(*database.DB) error) error {
	db, err := database.Open(ctx, database.Config{
		URL: r.shop.Address().DatabaseURL, Region: r.Regions.Primary().Name, ApplicationName: "meridian-chaos", MaxConns: 4,
	})
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

// lose lets shoppers buy while the fault happens and is undone.
func (r *run) lose(ctx context.Context, fault Fault) (Measures, error) {
	crowd := r.crowd()
	r.warmUp(ctx, crowd)
	r.record.begin()
	r.Tell(fmt.Sprintf("%d shoppers buy for %s", len(crowd), r.Duration))
	timed, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	var faultAt, undoneAt time.Duration
	happened := make(chan error, 1)
	go func() {
		var err error
		faultAt, undoneAt, err = r.happen(ctx, fault)
		if err != nil {
			cancel()
		}
		happened <- err
	}()
	shopper.Crowd(timed, len(crowd), func(i int) { r.visit(ctx, timed, crowd[i]) })
	if err := <-happened; err != nil {
		return Measures{}, fmt.Errorf("%s: %w", fault.Name, err)
	}
	return measure(r.record.taken(), faultAt, undoneAt, r.Duration), ctx.Err()
}

// warmUp lets each shopper buy once before anything is measured, so that connections are made and statements prepared.
func (r *run) warmUp(ctx context.Context, crowd []*shopper.Shopper) {
	var buying sync.WaitGroup
	for _, s := range crowd {
		buying.Go(func() { r.visit(ctx, ctx, s) })
	}
	buying.Wait()
}

// happen lets the fault happen at a third of the time and undoes it at two thirds. It returns when each began, since the
// shoppers did.
func (r *run) happen(ctx context.Context, fault Fault) (faultAt, undoneAt time.Duration, err error) {
	if !client.Sleep(ctx, r.Duration/3) {
		return 0, 0, ctx.Err()
	}
	r.Tell(fault.About)
	faultAt = time.Since(r.record.began)
	if err := fault.inflict(ctx, r.shop.Shop); err != nil {
		return faultAt, 0, err
	}
	if !client.Sleep(ctx, 2*r.Duration/3-time.Since(r.record.began)) {
		return faultAt, 0, ctx.Err()
	}
	undoneAt = time.Since(r.record.began)
	if fault.undo == nil {
		return faultAt, undoneAt, nil
	}
	r.Tell("it is undone")
	return faultAt, undoneAt, fault.undo(ctx, r.shop.Shop)
}

// audit waits for the workers and compares what shoppers were told with the database.
func (r *run) audit(ctx context.Context, db *database.DB, result *Result) error {
	r.Tell("the workers finish what is open, and all is compared")
	left, took, err := audit.Settle(ctx, db, r.SettleWithin, nil)
	if err != nil {
		return err
	}
	result.Pending, result.Settled = left, took.Seconds()
	book, err := audit.ReadBook(ctx, db, r.Regions)
	if err != nil {
		return err
	}
	result.Verdict = judge(r.journal.Purchases(), book)
	result.Audit, err = audit.Verify(ctx, db, verify.Options{Regions: r.Regions, Strict: true, Examples: 3})
	return err
}
