package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/verify"
)

// run is one run of the benchmark.
type run struct {
	Config
	db      *database.DB
	goods   *goods
	markets []market
	meter   meter
}

// Run measures the scenarios in rounds and audits the shop. The error says that it could not
// be measured; that something is wrong with what was measured, the report does (Report.Err).
func Run(ctx context.Context, c Config) (Report, error) {
	c = c.withDefaults()
	if err := errors.Join(c.Validate(), c.checkShop()); err != nil {
		return Report{}, err
	}
	r, err := open(ctx, c)
	if err != nil {
		return Report{}, err
	}
	defer r.db.Close()
	report, err := r.newReport(ctx)
	if err != nil {
		return Report{}, err
	}
	if report.Scenarios, err = r.measureAll(ctx); err != nil {
		return report, err
	}
	own, err := r.measureOwn(ctx)
	if err != nil {
		return report, err
	}
	report.Scenarios = append(report.Scenarios, own...)
	report.Floors = floors(report.Scenarios)
	c.Tell("auditing the shop")
	report.Audit, err = r.audit(ctx)
	return report, err
}

// open reads what the shop sells, and fills its shelves.
func open(ctx context.Context, c Config) (*run, error) {
	db, err := database.Open(ctx, database.Config{
		URL: c.DatabaseURL, Region: c.Regions.Primary().Name, ApplicationName: "meridian-bench", MaxConns: 2, StatementTimeout: auditTimeout,
		IdleInTransactionTimeout: auditTimeout,
	})
	if err != nil {
		return nil, err
	}
	r := &run{Config: c, db: db, markets: c.markets(), meter: newMeter(ctx, os.Getpid(), c.ShopPID, db)}
	if c.onlyOwn() { // what it measures, it brings
		r.goods = new(goods)
		return r, nil
	}
	c.Tell("reading the catalogue and receiving stock")
	if r.goods, err = survey(ctx, c); err == nil {
		stock := inventory.New(inventory.Config{DB: db, Regions: c.Regions})
		err = stockUp(ctx, stock, c, r.goods, r.markets)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return r, nil
}

// auditTimeout is how long one statement of the audit may take.
const auditTimeout = time.Hour

// measureAll measures the scenarios round by round, every other round in the opposite order:
// the shop grows all the while, and which came first must not decide which is faster.
func (r *run) measureAll(ctx context.Context) ([]Result, error) {
	var all []*measurement
	defer func() {
		for _, m := range all {
			closeAll(m.limits)
		}
	}()
	for _, name := range r.Scenarios {
		s, _ := find(name)
		if s.measure != nil {
			continue
		}
		m, err := r.begin(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, m)
	}
	for round := range r.Rounds {
		inTurn := slices.Clone(all)
		if round%2 == 1 {
			slices.Reverse(inTurn)
		}
		for _, m := range inTurn {
			if err := r.measure(ctx, m, round); err != nil {
				return nil, fmt.Errorf("%s: %w", m.scenario.Name, err)
			}
		}
	}
	results := make([]Result, len(all))
	for i, m := range all {
		results[i] = r.newResult(m.scenario, m.shop, m.retries, m.limits, m.bare)
	}
	return results, nil
}

// measureOwn measures, after all others, the scenarios that do it in their own way.
func (r *run) measureOwn(ctx context.Context) ([]Result, error) {
	var results []Result
	for _, name := range r.Scenarios {
		s, _ := find(name)
		if s.measure == nil {
			continue
		}
		result, err := s.measure(ctx, r, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// measurement is a scenario that is being measured, beside its limits.
type measurement struct {
	scenario Scenario
	shoppers []*shopper
	limits   []limit
	shop     sample
	bare     []sample
	retries  map[string]float64
}

// begin warms a scenario and its limits up.
func (r *run) begin(ctx context.Context, s Scenario) (*measurement, error) {
	r.Tell("%s: warming up", s.Name)
	m := &measurement{scenario: s, shoppers: newShoppers(r.Clients, r.markets, r.goods, r.Seed)}
	if s.reads {
		if err := readAll(ctx, m.shoppers, len(r.markets)); err != nil {
			return nil, err
		}
	}
	warm := s
	if s.hot && r.Stock > 0 { // few units are there to be sold once: neither before nor by the limit
		warm.do, m.scenario.limits = checkout, nil
	}
	if _, err := r.part(ctx, warm, m.shoppers, r.WarmUp); err != nil {
		return nil, err
	}
	var err error
	if m.limits, err = m.scenario.openLimits(ctx, r); err != nil {
		return nil, fmt.Errorf("limit: %w", err)
	}
	m.bare = make([]sample, len(m.limits))
	return m, nil
}

// measure measures one round: the limits, then the shop.
func (r *run) measure(ctx context.Context, m *measurement, round int) error {
	r.Tell("%s: measuring, %d of %d", m.scenario.Name, round+1, r.Rounds)
	each := r.Duration / time.Duration(r.Rounds)
	for i, l := range m.limits {
		part, err := l.part(ctx, each)
		if err != nil {
			return fmt.Errorf("limit: %w", err)
		}
		m.bare[i].add(part)
	}
	before, err := retries(ctx, r.RegionURLs)
	if err != nil {
		return err
	}
	part, err := r.profiled(ctx, m.scenario.Name, round, each, func() (sample, error) { return r.part(ctx, m.scenario, m.shoppers, each) })
	if err != nil {
		return err
	}
	m.shop.add(part)
	after, err := retries(ctx, r.RegionURLs)
	if err != nil {
		return err
	}
	for reason, n := range grown(before, after) {
		if m.retries == nil {
			m.retries = make(map[string]float64)
		}
		m.retries[reason] += n
	}
	return nil
}

func (s Scenario) openLimits(ctx context.Context, r *run) ([]limit, error) {
	if s.limits == nil {
		return nil, nil
	}
	return s.limits(ctx, r)
}

func closeAll(limits []limit) {
	for _, l := range limits {
		l.close()
	}
}

// part measures a scenario for d, and then until its orders are paid. The shop's other
// background work is waited for after the measured time, and counted.
func (r *run) part(ctx context.Context, s Scenario, shoppers []*shopper, d time.Duration) (sample, error) {
	began := time.Now()
	before, _ := r.meter.read() // without the machine's processes there are no figures of CPU
	all, elapsed := closedLoop(ctx, shoppers, d, s.do)
	if ctx.Err() != nil {
		return sample{}, ctx.Err()
	}
	p := sample{tally: all, done: all.done, elapsed: elapsed}
	if s.orders {
		paid, err := settled(ctx, r.db, r.Regions.Names(), began)
		if err != nil {
			return p, err
		}
		all.paid, p.done, p.elapsed = paid, len(paid), time.Since(began)
		if unpaid := all.done - p.done; unpaid > 0 {
			all.errors["not_paid"] += unpaid
		}
	}
	after, _ := r.meter.read()
	p.cpu = cpuSince(before, after)
	var err error
	p.waiting, err = quiet(ctx, r.db)
	return p, err
}

// audit proves that the run left nothing broken.
func (r *run) audit(ctx context.Context) (Audit, error) {
	report, err := verify.Run(ctx, r.db, verify.Options{Regions: r.Regions, Examples: 3})
	if err != nil {
		return Audit{}, fmt.Errorf("audit: %w", err)
	}
	return newAudit(report), nil
}

func newAudit(report verify.Report) Audit {
	a := Audit{Clean: report.Clean, Checks: len(report.Results), Broken: report.Broken, Overdue: report.Overdue}
	for _, result := range report.Results {
		for _, example := range result.Examples {
			a.Examples = append(a.Examples, result.Check+": "+example.ID+": "+example.Problem)
		}
	}
	return a
}

// limit is what the same machine does of a scenario's work without the shop.
type limit struct {
	about string
	// part measures it for d.
	part  func(ctx context.Context, d time.Duration) (sample, error)
	close func()
	loop  *bareLoop // of bare statements; nil for a bare handler
}
