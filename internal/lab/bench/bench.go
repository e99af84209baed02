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
	"meridian/internal/lab/audit"
	"meridian/internal/verify"
)

// run holds one run of the benchmark.
type run struct {
	Config
	db      *database.DB
	goods   *goods
	markets []market
	meter   meter
}

// Run measures the scenarios in rounds and audits the shop. It returns an error if it could not
// measure; Report.Err tells what is wrong with what was measured.
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

// open reads what the shop sells and receives stock.
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

// auditTimeout bounds one statement of the audit.
const auditTimeout = time.Hour

// measureAll measures the scenarios round by round, every other round in the opposite order,
// since the shop grows meanwhile and the order must not decide which is faster.
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

// measureOwn measures, after all others, the scenarios that have a measurement of their own.
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

// measurement holds a scenario that is being measured, and its limits.
type measurement struct {
	scenario Scenario
	visitors []*visitor
	limits   []limit
	shop     sample
	bare     []sample
	retries  map[string]float64
}

// begin warms up a scenario and its limits.
func (r *run) begin(ctx context.Context, s Scenario) (*measurement, error) {
	r.Tell("%s: warming up", s.Name)
	m := &measurement{scenario: s, visitors: newVisitors(r.Clients, r.markets, r.goods, r.Seed)}
	if s.reads {
		if err := readAll(ctx, m.visitors, len(r.markets)); err != nil {
			return nil, err
		}
	}
	warm := s
	if s.hot && r.Stock > 0 { // the few units are sold only once: neither before nor by the limit
		warm.do, m.scenario.limits = checkout, nil
	}
	if err := r.part(ctx, warm, m.visitors, r.WarmUp, new(sample)); err != nil {
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
		if err := l.part(ctx, each, &m.bare[i]); err != nil {
			return fmt.Errorf("limit: %w", err)
		}
	}
	before, err := retries(ctx, r.RegionURLs)
	if err != nil {
		return err
	}
	err = r.profiled(ctx, m.scenario.Name, round, each, func() error { return r.part(ctx, m.scenario, m.visitors, each, &m.shop) })
	if err != nil {
		return err
	}
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

// part measures a scenario for d, and then until its orders are paid, and adds that to s. It
// waits for the shop's other background work after the measured time.
func (r *run) part(ctx context.Context, scenario Scenario, visitors []*visitor, d time.Duration, s *sample) error {
	s.begin()
	began, placedBefore := time.Now(), s.tally.done
	err := r.meter.during(s, func() error {
		elapsed := s.elapsed
		closedLoop(ctx, visitors, d, s, scenario.do)
		if ctx.Err() != nil || !scenario.orders {
			s.done = s.tally.done
			return ctx.Err()
		}
		paid, err := settled(ctx, r.db, r.Regions.Names(), began)
		for _, took := range paid {
			s.tally.paid.Add(took)
		}
		s.done, s.elapsed = s.done+len(paid), elapsed+time.Since(began)
		if unpaid := s.tally.done - placedBefore - len(paid); unpaid > 0 && err == nil {
			s.tally.errors["not_paid"] += unpaid
		}
		return err
	})
	if err != nil {
		return err
	}
	waiting, err := quiet(ctx, r.db)
	s.waiting += waiting
	return err
}

// audit checks that the run left nothing broken.
func (r *run) audit(ctx context.Context) (audit.Audit, error) {
	return audit.Verify(ctx, r.db, verify.Options{Regions: r.Regions, Examples: 3})
}

// limit measures what the same machine does of a scenario's work without the shop.
type limit struct {
	about string
	// part measures it for d and adds that to s.
	part  func(ctx context.Context, d time.Duration, s *sample) error
	close func()
	loop  *bareLoop // of bare statements; nil for a bare handler
}
