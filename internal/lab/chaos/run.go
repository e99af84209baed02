package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"meridian/internal/database"
	"meridian/internal/database/embedded"
	"meridian/internal/lab/audit"
	"meridian/internal/lab/history"
	"meridian/internal/order"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
	"meridian/internal/verify"
	"meridian/regions"
)

// Config says how to run a scenario. Only Regions is required.
type Config struct {
	Regions *regions.Set
	// Executable is the meridian to run; default this process's.
	Executable string
	// Seed decides what is tried, see Result.Seed.
	Seed uint64
	// Duration is how long shoppers buy while the shop is broken; default 10 s.
	Duration time.Duration
	// SettleWithin bounds how long the workers then may take; default 6 minutes.
	SettleWithin time.Duration
	// Shoppers is how many buy at the same time; default 12.
	Shoppers int
	// PodsEach is the number of pods of each region; default 1.
	PodsEach int
	// Hurry lets the claims of killed pods run out at once, rather than after up to some minutes, and leaves out cards
	// that take a minute.
	Hurry bool
	// Tell, if not nil, is called with a line for each step.
	Tell func(line string)
}

func (c Config) withDefaults() Config {
	c.Duration = cmp.Or(c.Duration, 10*time.Second)
	c.SettleWithin = cmp.Or(c.SettleWithin, 6*time.Minute)
	c.Shoppers = cmp.Or(c.Shoppers, 12)
	c.PodsEach = cmp.Or(c.PodsEach, 1)
	if c.Tell == nil {
		c.Tell = func(string) {}
	}
	return c
}

// Bounds of what one machine can be asked for.
const (
	maxShoppers = 500
	maxPodsEach = 5
	maxDuration = 5 * time.Minute
)

// Validate reports everything that is wrong, all at once.
func (c Config) Validate() error {
	var invalid []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			invalid = append(invalid, fmt.Errorf(format, args...))
		}
	}
	need(c.Regions != nil, "the regions are missing")
	need(c.Duration >= 0 && c.SettleWithin >= 0, "durations must not be negative")
	need(c.Duration <= maxDuration, "a duration of %s: use up to %s, for which sign-ins hold", c.Duration, maxDuration)
	need(c.Shoppers >= 0 && c.Shoppers <= maxShoppers, "%d shoppers: use 1 to %d", c.Shoppers, maxShoppers)
	need(c.PodsEach >= 0 && c.PodsEach <= maxPodsEach, "%d pods of each region: use 1 to %d", c.PodsEach, maxPodsEach)
	return errors.Join(invalid...)
}

// Run opens a shop, breaks it as the scenario says while shoppers buy, lets the workers finish, and judges what is left.
// What the run found is in its Result; Run fails only if the run could not be made. The shop and its processes are gone
// when it returns, but for the folder of a run that found something or failed.
func Run(ctx context.Context, scenario Scenario, c Config) (Result, error) {
	if err := c.Validate(); err != nil {
		return Result{}, err
	}
	c = c.withDefaults()
	executable, err := os.Executable()
	if c.Executable == "" && err != nil {
		return Result{}, fmt.Errorf("find this program: %w", err)
	}
	dir, err := embedded.TempDir("meridian-chaos-")
	if err != nil {
		return Result{}, err
	}
	s, err := openShop(ctx, shopConfig{
		set: c.Regions, dice: newDice(c.Seed), dir: dir, executable: cmp.Or(c.Executable, executable), podsEach: c.PodsEach,
		proxied: scenario.proxied,
	})
	if err != nil {
		return Result{}, fmt.Errorf("open a shop (its logs are in %s): %w", dir, err)
	}
	r := run{Config: c, scenario: scenario, shop: s}
	result, err := r.do(ctx)
	err = errors.Join(err, s.close())
	switch {
	case ctx.Err() == nil && err != nil:
		return result, fmt.Errorf("%w (the shop's logs are in %s)", err, dir)
	case ctx.Err() == nil && !result.Clean():
		result.Folder = dir
		return result, nil
	}
	return result, errors.Join(err, s.remove())
}

// run is one run of a scenario.
type run struct {
	Config
	scenario Scenario
	shop     *shop
	load     *load
}

func (r *run) do(ctx context.Context) (Result, error) {
	result := Result{Scenario: r.scenario.Name, Seed: r.Seed}
	w, err := r.shop.fill(ctx, r.Shoppers)
	if err != nil {
		return result, err
	}
	r.load = newLoad(r.shop, w, everyCard)
	if r.Hurry {
		r.load.cards = quickCards
	}
	b := newBreaker(r.shop, r.scenario.calm)
	if err := r.breakShop(ctx, b); err != nil {
		return result, err
	}
	result.PodKills, result.DatabaseKills = b.podKills, b.databaseKills
	for _, pod := range r.shop.pods {
		if pod.proxy != nil {
			result.Cuts += pod.proxy.Cuts()
		}
	}
	r.Tell("the faults are over; the workers finish what is open")
	var hurry func(context.Context) error
	if r.Hurry {
		hurry = r.shop.makeDue
	}
	left, took, err := audit.Settle(ctx, r.shop.db, r.SettleWithin, hurry)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return result, err
	}
	result.Pending, result.Settled, result.Crashed = left, took.Seconds(), r.shop.crashed()
	return result, r.judge(ctx, &result)
}

// breakShop lets shoppers buy and the faults happen at the same time, then makes the shop whole again. It returns when
// the last shopper has an answer.
func (r *run) breakShop(ctx context.Context, b *breaker) error {
	patience, cancel := context.WithTimeout(ctx, r.Duration+r.SettleWithin)
	defer cancel()
	if r.scenario.walks {
		r.Tell("cutting one checkout at each of its statements")
		cutOff, other := r.shop.pods[0], r.shop.pods[1]
		_, err := Walk(cutOff.proxy, false, func(Cut) error { return r.load.orderAt(patience, cutOff, other, "card_success_now") })
		if err != nil {
			return err
		}
	}
	r.Tell(fmt.Sprintf("%d shoppers buy for %s; %s", r.Shoppers, r.Duration, r.scenario.About))
	buying, stop := context.WithTimeout(patience, r.Duration)
	defer stop()
	var shopping sync.WaitGroup
	shopping.Go(func() { r.load.run(buying, patience) })
	err := b.run(buying, r.scenario.faults)
	if err == nil && !r.scenario.staysBroken {
		err = r.shop.repair(patience)
	}
	if err != nil {
		cancel() // nobody has to wait for answers
	}
	shopping.Wait()
	return errors.Join(err, ctx.Err())
}

// judge compares the shoppers', the shop's and the provider's books, and audits the database.
func (r *run) judge(ctx context.Context, result *Result) error {
	r.Tell("comparing the shoppers', the shop's and the provider's books")
	book, err := audit.ReadBook(ctx, r.shop.db, r.Regions)
	if err != nil {
		return err
	}
	provider, err := sandbox.ReadBook(r.shop.stateFile())
	if err != nil {
		return err
	}
	result.Verdict, result.History = judge(r.load.told(), book, provider), history.Check(r.load.witnessed(book))
	outcomes, calls := r.load.journal.Count(), r.load.calls.Sum()
	result.Attempted, result.Acknowledged, result.SoldOut = outcomes.Attempted, outcomes.Confirmed, outcomes.SoldOut
	result.Calls, result.Repeats = calls.Final, calls.Again
	for _, o := range book.Orders {
		switch {
		case o.IsPaid():
			result.Paid++
		case o.Status == "cancelled":
			result.Cancelled++
		}
	}
	found, err := audit.Verify(ctx, r.shop.db, verify.Options{Regions: r.Regions, Strict: true, Examples: 5})
	result.Broken, result.Overdue, result.Audit = found.Broken, found.Overdue, found.Examples
	return err
}

// makeDue makes everything that is pending due, also for the workers of other regions, which wait a minute longer. A
// claim that is still worked on is then taken by two workers, which must do no harm either.
func (s *shop) makeDue(ctx context.Context) error {
	err := s.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		order.QueueDueNow(b)
		payment.QueueDueNow(b)
		outbox.QueueDueNow(b)
		return nil
	})
	if errors.As(err, new(*database.RetriesExhaustedError)) {
		return nil // the workers were quicker: it is for the next turn
	}
	return err
}
