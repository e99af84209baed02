package searching

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// faults are what happens to a region's search. Each is over when its function returns.
var faults = []struct {
	name    string
	inflict func(r *run, ctx context.Context, region string, lasts time.Duration) error
}{
	{"engine stopped", (*run).stopEngine},
	{"index wiped", (*run).wipeIndex},
	{"feed killed", (*run).killFeed},
}

// inflict inflicts one fault after the other until the time is over; the last one is ended too.
func (r *run) inflict(ctx, timed context.Context, dice *rand.Rand) error {
	names := r.Regions.Names()
	for n := 0; timed.Err() == nil; n++ {
		fault := faults[n%len(faults)]
		region := names[dice.IntN(len(names))]
		lasts := 500*time.Millisecond + time.Duration(dice.IntN(3000))*time.Millisecond
		r.Tell(fmt.Sprintf("%s in %s", fault.name, region))
		if err := fault.inflict(r, ctx, region, lasts); err != nil {
			return fmt.Errorf("%s in %s: %w", fault.name, region, err)
		}
		r.count(r.result.Faults, fault.name)
		rest(timed, time.Duration(dice.IntN(1500))*time.Millisecond)
	}
	return nil
}

// rest waits, or less where ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// stopEngine takes the engine away from a pod that lives on, and gives it back.
func (r *run) stopEngine(ctx context.Context, region string, lasts time.Duration) error {
	store := r.shop.SearchStore(region)
	if err := store.Close(); err != nil {
		return err
	}
	rest(ctx, lasts)
	return store.Open()
}

// wipeIndex loses everything that the engine had.
func (r *run) wipeIndex(_ context.Context, region string, _ time.Duration) error {
	return r.shop.SearchStore(region).Wipe()
}

// killFeed tears down the region's server with its feed and its engine, in the middle of whatever they do.
func (r *run) killFeed(ctx context.Context, region string, lasts time.Duration) error {
	if err := r.shop.StopRegion(ctx, region); err != nil {
		return err
	}
	rest(ctx, lasts)
	return r.shop.StartRegion(ctx, region)
}
