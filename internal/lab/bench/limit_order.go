package bench

import (
	"context"
	"time"
)

// orderLimits are the bare statements of one order a transaction: of the whole order, which
// counts, and of what placing it alone writes.
func orderLimits(hot bool) func(ctx context.Context, r *run) ([]limit, error) {
	return func(ctx context.Context, r *run) ([]limit, error) {
		whole, err := r.orderLimit(ctx, hot)
		if err != nil {
			return nil, err
		}
		placed, err := r.statementLimit(ctx, bareOrders(r.Config, r.goods, r.markets, hot, false), "the same, only the rows of placing it")
		if err != nil {
			whole.close()
			return nil, err
		}
		return []limit{whole, placed}, nil
	}
}

func (r *run) orderLimit(ctx context.Context, hot bool) (limit, error) {
	return r.statementLimit(ctx, bareOrders(r.Config, r.goods, r.markets, hot, true),
		"the bare statements of one order, all its rows to paid, one transaction and one batch each, no HTTP, no rules")
}

// sweepShare is the part of the measured time that each number of connections is tried for.
const sweepShare = 10

// statementLimit opens a loop of bare statements and makes a limit of it.
func (r *run) statementLimit(ctx context.Context, loop *bareLoop, about string) (limit, error) {
	if err := loop.open(ctx, r.Connections, r.Duration/sweepShare); err != nil {
		loop.close()
		return limit{}, err
	}
	part := func(ctx context.Context, d time.Duration) (sample, error) {
		before, _ := r.meter.read()
		lapped, err := loop.run(ctx, loop.best, d)
		if err != nil {
			return sample{}, err
		}
		after, _ := r.meter.read()
		return sample{tally: lapped.tally, done: lapped.tally.done, elapsed: lapped.elapsed, cpu: cpuSince(before, after), conflicts: lapped.conflicts}, nil
	}
	return limit{about: about, part: part, close: loop.close, loop: loop}, nil
}
