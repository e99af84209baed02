package bench

import (
	"context"
	"slices"
	"time"
)

// Scenario describes something that shoppers do, and the limit it is measured against.
type Scenario struct {
	Name string
	// About says what one operation is.
	About string

	unit   string
	do     operation
	reads  bool // reads products, which must be in memory before
	own    bool // fills a shop, so it needs one of its own
	hot    bool // buys the hot SKU
	orders bool // operations are orders, which are done when they are paid
	// limits opens the limits to measure beside it, the one that counts first.
	limits func(ctx context.Context, r *run) ([]limit, error)
	// combine, if not nil, puts a limit worked out from them before them.
	combine func(limits []Limit, throughput float64) []Limit
	// measure, if not nil, replaces the measurement by turns of do.
	measure func(ctx context.Context, r *run, s Scenario) (Result, error)
}

// scenarios lists all of them, in the order in which they run.
var scenarios = []Scenario{
	{
		Name: "browse", unit: "reads", do: browse, reads: true, limits: readLimits,
		About: "one read of a product, out of memory",
	},
	{
		Name: "cart", unit: "carts", do: cartLife, limits: cartLimits,
		About: "a guest's cart: made with its lines, read, changed; three calls",
	},
	{
		Name: "checkout", unit: "orders", do: checkout, orders: true, limits: orderLimits(false),
		About: "one whole order of random SKUs: a guest's cart, the order, its payment by webhook; two calls",
	},
	{
		Name: "hot-sku", unit: "orders", do: hotSKU, hot: true, orders: true, limits: orderLimits(true),
		About: "as checkout, with one and the same SKU in every order",
	},
	{
		Name: "mixed", unit: "calls", do: mixed, reads: true, limits: mixedLimits, combine: combined,
		About: "550 requests to each order: products, listings, categories, availability, carts",
	},
	{
		Name: "prices", unit: "quotes", own: true, measure: measurePrices,
		About: "a quote of 1,000 lines, out of memory; the shop is filled with --skus SKUs, so it comes last",
	},
}

// Names returns the scenarios' names, in the order in which they run.
func Names() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.Name
	}
	return names
}

// List returns all scenarios.
func List() []Scenario { return slices.Clone(scenarios) }

func find(name string) (Scenario, bool) {
	i := slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return scenarios[i], true
}

// sample holds what a measurement adds up.
type sample struct {
	tally     *tally
	done      int // operations; of orders, those that were paid
	elapsed   time.Duration
	cpu       CPU
	conflicts int   // transactions of bare statements that were run again
	waiting   int64 // events and webhooks that were left for the workers
}

// begin prepares a sample for its first part.
func (s *sample) begin() {
	if s.tally == nil {
		s.tally = newTally()
	}
}

// perSecond returns the throughput.
func (s *sample) perSecond() float64 {
	if s.elapsed == 0 {
		return 0
	}
	return float64(s.done) / s.elapsed.Seconds()
}
