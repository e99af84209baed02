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
	"meridian/internal/lab/client"
	"meridian/internal/verify"
)

// searchRun is one run of the search's benchmark.
type searchRun struct {
	SearchConfig
	db     *database.DB
	meter  meter
	goods  *searchGoods
	seller *searchSeller
	// market is where shoppers search; draw has what their requests have in common.
	market market
	draw   searchDraw
}

// SearchRun fills a shop with products, waits until all regions find them, and measures searches beside the same ones
// without the shop; then how soon edits are found, and what an import does to searches. The error says that it could
// not be measured; that something is wrong with what was measured, the report does (SearchReport.Err).
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

// newSearchers makes shoppers who search in the run's region.
func (r *searchRun) newSearchers(n int) []*shopper {
	shoppers := newShoppers(n, []market{r.market}, new(goods), r.Seed)
	for _, s := range shoppers {
		s.api.Header = map[string][]string{"Accept-Language": {r.draw.language}}
	}
	return shoppers
}

// searchFor has a shopper ask one of the requests, for its answer's bytes.
func searchFor(requests []searchRequest) operation {
	return func(ctx context.Context, s *shopper) error {
		return s.as("search").Do(ctx, "GET", requests[s.rand.IntN(len(requests))].path, client.By{}, "", nil, nil)
	}
}

// kindRun is a kind that is being measured, beside its limits.
type kindRun struct {
	searchKind
	requests []searchRequest
	shoppers []*shopper
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
		run := &kindRun{searchKind: k, shoppers: r.newSearchers(r.Clients), bare: make([]sample, len(limits))}
		if run.requests, err = r.usable(ctx, k, run.shoppers[0], limits[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		closedLoop(ctx, run.shoppers, r.WarmUp/time.Duration(len(searchKinds)), searchFor(run.requests))
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
	shop := func() error {
		part, err := r.searchPart(ctx, k.shoppers, each, searchFor(k.requests))
		k.shop.add(part)
		return err
	}
	bare := func() error {
		for i, l := range limits {
			part, err := r.searchPart(ctx, k.shoppers, each, l.operation(k.requests))
			if err != nil {
				return err
			}
			k.bare[i].add(part)
		}
		return nil
	}
	if round%2 == 1 {
		return errors.Join(bare(), shop())
	}
	return errors.Join(shop(), bare())
}

// searchPart has shoppers do an operation for d.
func (r *searchRun) searchPart(ctx context.Context, shoppers []*shopper, d time.Duration, do operation) (sample, error) {
	before, _ := r.meter.read() // without the machine's processes there are no figures of CPU
	all, elapsed := closedLoop(ctx, shoppers, d, do)
	after, _ := r.meter.read()
	return sample{tally: all, done: all.done, elapsed: elapsed, cpu: cpuSince(before, after)}, ctx.Err()
}

// usable are the requests of a kind that find something as they are asked: where nothing is found the shop asks again
// for less, and the limit does not. That both find as many shows that they search the same.
func (r *searchRun) usable(ctx context.Context, k searchKind, s *shopper, l searchLimit) ([]searchRequest, error) {
	var usable []searchRequest
	for _, request := range k.requests(r.SearchConfig, r.draw, r.goods.part(0, r.Products)) {
		answer, err := searchShop(ctx, s.as("search"), request.path)
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

// audit proves that the run left nothing broken.
func (r *searchRun) audit(ctx context.Context) (Audit, error) {
	r.Tell("auditing the shop")
	report, err := verify.Run(ctx, r.db, verify.Options{Regions: r.Regions, Examples: 3})
	return newAudit(report), err
}
