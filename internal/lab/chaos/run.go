package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"meridian/internal/database/embedded"
	"meridian/internal/payment/sandbox"
	"meridian/internal/verify"
	"meridian/regions"
)

// Config says how to run a scenario. Regions is needed.
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
	// Tell, if not nil, is told what goes on.
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

// Validate reports everything that is wrong, all at once.
func (c Config) Validate() error {
	var faults []error
	if c.Regions == nil {
		faults = append(faults, errors.New("the regions are missing"))
	}
	if c.Duration < 0 || c.SettleWithin < 0 {
		faults = append(faults, errors.New("durations must not be negative"))
	}
	if c.Duration > maxDuration {
		faults = append(faults, fmt.Errorf("a duration of %s: use up to %s, for which sign-ins hold", c.Duration, maxDuration))
	}
	if c.Shoppers < 0 || c.Shoppers > maxShoppers {
		faults = append(faults, fmt.Errorf("%d shoppers: use 1 to %d", c.Shoppers, maxShoppers))
	}
	if c.PodsEach < 0 || c.PodsEach > maxPodsEach {
		faults = append(faults, fmt.Errorf("%d pods of each region: use 1 to %d", c.PodsEach, maxPodsEach))
	}
	return errors.Join(faults...)
}

// Bounds of what one machine can be asked for.
const (
	maxShoppers = 500
	maxPodsEach = 5
	maxDuration = 5 * time.Minute
)

// Result is what came of one run.
type Result struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	// Attempted is the checkouts that shoppers began, Acknowledged those of which they were told that there is an order.
	Attempted    int `json:"attempted"`
	Acknowledged int `json:"acknowledged"`
	SoldOut      int `json:"sold_out"`
	// Paid and Cancelled are orders at the end.
	Paid      int `json:"paid"`
	Cancelled int `json:"cancelled"`
	// Calls is the calls of the API that were answered for good, Repeats how often one had to be sent again for that.
	Calls   int `json:"calls"`
	Repeats int `json:"repeats"`
	// PodKills, DatabaseKills and Cuts are the faults made.
	PodKills      int `json:"pod_kills"`
	DatabaseKills int `json:"database_kills"`
	Cuts          int `json:"cuts"`
	// Settled is how long after the last fault nothing was pending any more, in seconds; Pending is what still was when
	// the time was up.
	Settled float64 `json:"settled_seconds"`
	Pending Pending `json:"pending"`
	// Verdict compares the books; Broken and Overdue are what verify --strict found.
	Verdict Verdict  `json:"verdict"`
	Broken  int64    `json:"verify_broken"`
	Overdue int64    `json:"verify_overdue"`
	Audit   []string `json:"audit,omitempty"`
	// Crashed is the processes that ended by themselves.
	Crashed []string `json:"crashed,omitempty"`
	// Folder holds the shop of a run that found something: its database and the logs.
	Folder string `json:"folder,omitempty"`
}

// Clean reports whether the run found nothing.
func (r Result) Clean() bool {
	return r.Verdict.Clean() && r.Broken == 0 && r.Overdue == 0 && !r.Pending.Any() && len(r.Crashed) == 0
}

// Run opens a shop, breaks it as the scenario says while shoppers buy, has the workers finish, and judges what is left.
// An error says that the run could not be made; what the run found is in its Result. The shop and its processes are
// gone when it returns, but for the folder of a run that found something or failed.
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
	d := newDice(c.Seed)
	s, err := openShop(ctx, shopConfig{
		set: c.Regions, dice: d, dir: dir, executable: cmp.Or(c.Executable, executable), podsEach: c.PodsEach, proxied: scenario.proxied,
	})
	if err != nil {
		return Result{}, fmt.Errorf("open a shop (its logs are in %s): %w", dir, err)
	}
	r := run{Config: c, scenario: scenario, shop: s, dice: d}
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

// run is a scenario on its way.
type run struct {
	Config
	scenario Scenario
	shop     *shop
	dice     *dice
}

func (r *run) do(ctx context.Context) (Result, error) {
	result := Result{Scenario: r.scenario.Name, Seed: r.Seed}
	w, err := r.shop.fill(ctx, r.Shoppers)
	if err != nil {
		return result, err
	}
	l := &load{shop: r.shop, world: w, ledger: newLedger(), dice: r.dice, cards: everyCard}
	if r.Hurry {
		l.cards = quickCards
	}
	for _, receipt := range w.opening {
		l.ledger.receive(receipt.SKU, receipt.Quantity)
	}
	b := newBreaker(r.shop, l, r.dice, r.scenario.calm)
	if err := r.breakIt(ctx, b); err != nil {
		return result, err
	}
	result.PodKills, result.DatabaseKills, result.Cuts = b.podKills, b.databaseKills, b.cuts()
	if err := r.settle(ctx, &result); err != nil {
		return result, err
	}
	result.Crashed = r.shop.crashed()
	return result, r.judge(ctx, l.ledger, &result)
}

// breakIt lets shoppers buy and the faults happen at the same time, makes the shop whole again, and returns when the
// last shopper has got an answer.
func (r *run) breakIt(ctx context.Context, b *breaker) error {
	patience, cancel := context.WithTimeout(ctx, r.Duration+r.SettleWithin)
	defer cancel()
	if r.scenario.walks {
		r.Tell("cutting one checkout at each of its statements")
		if err := b.walk(patience); err != nil {
			return err
		}
	}
	r.Tell(fmt.Sprintf("%d shoppers buy for %s; %s", r.Shoppers, r.Duration, r.scenario.About))
	buying, stop := context.WithTimeout(patience, r.Duration)
	defer stop()
	var shopping sync.WaitGroup
	shopping.Go(func() { b.load.run(buying, patience) })
	err := b.run(buying, r.scenario.faults(b)...)
	if err == nil && !r.scenario.staysBroken {
		err = r.shop.repair(patience)
	}
	if err != nil {
		cancel() // nobody has to wait for answers
	}
	shopping.Wait()
	return errors.Join(err, ctx.Err())
}

func (r *run) settle(ctx context.Context, result *Result) error {
	r.Tell("the faults are over; the workers finish what is open")
	within, cancel := context.WithTimeout(ctx, r.SettleWithin)
	defer cancel()
	took, left, err := settle(within, r.shop.db, r.Hurry)
	result.Settled, result.Pending = took.Seconds(), left
	return errors.Join(err, ctx.Err())
}

// judge compares the books, and has the database audited.
func (r *run) judge(ctx context.Context, told *ledger, result *Result) error {
	r.Tell("comparing the shoppers', the shop's and the provider's books")
	held, err := readBook(ctx, r.shop.db, r.Regions)
	if err != nil {
		return err
	}
	provider, err := sandbox.ReadBook(r.shop.stateFile())
	if err != nil {
		return err
	}
	result.Verdict = judge(told, held, provider)
	result.Attempted, result.Acknowledged, result.SoldOut = told.counts()
	result.Calls, result.Repeats = told.calls, told.repeats
	for _, o := range held.orders {
		switch {
		case o.isPaid():
			result.Paid++
		case o.status == "cancelled":
			result.Cancelled++
		}
	}
	report, err := verify.Run(ctx, r.shop.db, verify.Options{Regions: r.Regions, Strict: true, Examples: 5})
	if err != nil {
		return err
	}
	result.Broken, result.Overdue = report.Broken, report.Overdue
	for _, check := range report.Results {
		for _, example := range check.Examples {
			result.Audit = append(result.Audit, fmt.Sprintf("%s: %s %s: %s", check.Check, example.Region, example.ID, example.Problem))
		}
	}
	return nil
}
