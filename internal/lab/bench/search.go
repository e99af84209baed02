package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/lab/audit"
	"meridian/internal/verify"
)

// searchRun holds one run of the search's benchmark.
type searchRun struct {
	SearchConfig
	db     *database.DB
	meter  meter
	goods  *searchGoods
	seller *searchSeller
	// market is where visitors search; draw holds what their requests have in common.
	market market
	draw   searchDraw
}

// SearchRun fills a shop with products, waits until all regions find them, and measures searches beside the same ones
// without the shop; then how soon edits are found, and what an import does to searches. It returns an error if it could
// not measure; SearchReport.Err tells what is wrong with what was measured.
func SearchRun(ctx context.Context, c SearchConfig) (SearchReport, error) {
	c = c.withDefaults()
	if err := errors.Join(c.Validate(), c.checkShop()); err != nil {
		return SearchReport{}, err
	}
	r, err := openSearch(ctx, c)
	if err != nil {
		return SearchReport{}, err
	}
	defer r.db.Close()
	report, err := r.newReport(ctx)
	if err != nil {
		return report, err
	}
	if report.Fill, err = r.fill(ctx, 0, c.Products); err != nil {
		return report, fmt.Errorf("fill the shop: %w", err)
	}
	if report.Kinds, err = r.measureKinds(ctx, &report); err != nil {
		return report, err
	}
	if c.EditFor > 0 {
		if report.Edits, err = r.measureEdits(ctx); err != nil {
			return report, fmt.Errorf("edits: %w", err)
		}
	}
	if c.Import > 0 {
		if report.Import, err = r.measureImport(ctx); err != nil {
			return report, fmt.Errorf("import: %w", err)
		}
	}
	report.Floors = report.floors()
	report.Audit, err = r.audit(ctx)
	return report, err
}

func openSearch(ctx context.Context, c SearchConfig) (*searchRun, error) {
	c.Tell("reading the products")
	goods, err := readSearchGoods(c.DataDir, c.Seed)
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, database.Config{
		URL: c.DatabaseURL, Region: c.Region, ApplicationName: "meridian-bench", MaxConns: 4, StatementTimeout: auditTimeout,
		IdleInTransactionTimeout: auditTimeout,
	})
	if err != nil {
		return nil, err
	}
	r := &searchRun{SearchConfig: c, db: db, goods: goods, meter: newMeter(ctx, os.Getpid(), c.ShopPID, db)}
	r.market = Config{Regions: c.Regions, RegionURLs: c.RegionURLs, ClientRegions: []string{c.Region}}.markets()[0]
	r.draw = searchDraw{country: r.market.country, language: "en", currency: r.market.currency}
	rates, err := fx.New(fx.Config{DB: db})
	if err == nil {
		_, err = rates.Import(ctx, fx.Shipped(), "system") // most markets' prices are converted
	}
	if err == nil {
		r.seller, err = newSearchSeller(ctx, c, goods.categories)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return r, nil
}

func (r *searchRun) newReport(ctx context.Context) (SearchReport, error) {
	report := SearchReport{
		StartedAt: time.Now().UTC(), Version: r.Version, Region: r.Region, Clients: r.Clients, Products: r.Products,
		Machine: Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0)},
		Seconds: r.Duration.Seconds(), Rounds: r.Rounds,
	}
	var err error
	report.Database, err = describeDatabase(ctx, r.db)
	return report, err
}

// newSearchers returns visitors who search in the run's region.
func (r *searchRun) newSearchers(n int) []*visitor {
	visitors := newVisitors(n, []market{r.market}, new(goods), r.Seed)
	for _, v := range visitors {
		v.Client.Header = map[string][]string{"Accept-Language": {r.draw.language}}
	}
	return visitors
}

// searchFor returns the operation that makes one of the requests.
func searchFor(requests []searchRequest) operation {
	return func(ctx context.Context, v *visitor) error {
		return v.read(ctx, "search", requests[v.rand.IntN(len(requests))].path)
	}
}

// kindRun holds a kind that is being measured, and its limits.
type kindRun struct {
	searchKind
	requests []searchRequest
	visitors []*visitor
	shop     sample
	bare     []sample
}

// measureKinds measures all kinds in turns, every other round in the opposite order.
func (r *searchRun) measureKinds(ctx context.Context, report *SearchReport) ([]SearchKindFigures, error) {
	limits, err := r.openSearchLimits(ctx, report)
	if err != nil {
		return nil, fmt.Errorf("limit: %w", err)
	}
	defer closeSearchLimits(limits)
	var kinds []*kindRun
	for _, k := range searchKinds {
		run := &kindRun{searchKind: k, visitors: r.newSearchers(r.Clients), bare: make([]sample, len(limits))}
		if run.requests, err = r.usable(ctx, k, run.visitors[0], limits[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if err := r.searchPart(ctx, run.visitors, r.WarmUp/time.Duration(len(searchKinds)), new(sample), searchFor(run.requests)); err != nil {
			return nil, err
		}
		kinds = append(kinds, run)
	}
	for round := range r.Rounds {
		r.Tell("measuring searches among %d products, %d of %d", r.Products, round+1, r.Rounds)
		inTurn := slices.Clone(kinds)
		if round%2 == 1 {
			slices.Reverse(inTurn)
		}
		for _, k := range inTurn {
			if err := r.measureKind(ctx, k, limits, round); err != nil {
				return nil, err
			}
		}
	}
	figures := make([]SearchKindFigures, len(kinds))
	for i, k := range kinds {
		figures[i] = k.figures(limits)
	}
	return figures, nil
}

// measureKind measures a part of a kind's time, the shop first in every other round.
func (r *searchRun) measureKind(ctx context.Context, k *kindRun, limits []searchLimit, round int) error {
	each := r.Duration / time.Duration(r.Rounds)
	shop := func() error { return r.searchPart(ctx, k.visitors, each, &k.shop, searchFor(k.requests)) }
	bare := func() error {
		for i, l := range limits {
			if err := r.searchPart(ctx, k.visitors, each, &k.bare[i], l.operation(k.requests)); err != nil {
				return err
			}
		}
		return nil
	}
	if round%2 == 1 {
		return errors.Join(bare(), shop())
	}
	return errors.Join(shop(), bare())
}

// searchPart has visitors repeat an operation for d and adds that to s.
func (r *searchRun) searchPart(ctx context.Context, visitors []*visitor, d time.Duration, s *sample, do operation) error {
	s.begin()
	return r.meter.during(s, func() error {
		closedLoop(ctx, visitors, d, s, do)
		s.done = s.tally.done
		return ctx.Err()
	})
}

// usable returns the requests of a kind that find something as they are: where nothing is found, the shop relaxes the
// query and the limit does not. It fails if shop and limit do not find as many, for then they search different things.
func (r *searchRun) usable(ctx context.Context, k searchKind, v *visitor, l searchLimit) ([]searchRequest, error) {
	var usable []searchRequest
	for _, request := range k.requests(r.SearchConfig, r.draw, r.goods.part(0, r.Products)) {
		answer, err := searchShop(ctx, v.as("search").Client, request.path)
		if err != nil {
			return nil, err
		}
		total, err := l.ask(ctx, request.query)
		if err != nil {
			return nil, err
		}
		if total == 0 || answer.Loosened != "" {
			continue
		}
		if answer.Total != 0 && answer.Total != total { // suggestions tell no total
			return nil, fmt.Errorf("%s finds %d, the library %d: they do not hold the same", request.path, answer.Total, total)
		}
		usable = append(usable, request)
	}
	if len(usable) < requestsOfKind/4 {
		return nil, fmt.Errorf("only %d of %d requests find anything", len(usable), requestsOfKind)
	}
	return usable, nil
}

// audit checks that the run left nothing broken.
func (r *searchRun) audit(ctx context.Context) (audit.Audit, error) {
	r.Tell("auditing the shop")
	return audit.Verify(ctx, r.db, verify.Options{Regions: r.Regions, Examples: 3})
}
