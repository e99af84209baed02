package bench

import (
	"context"
	"slices"
	"time"
)

// Scenario is something that shoppers do, and the limit it is measured against.
type Scenario struct {
	Name string
	// About says what one operation is.
	About string

	unit   string
	do     operation
	reads  bool // products are read, which are to be in memory before
	own    bool // it fills a shop of its own, and is not done to anybody else's
	hot    bool // the hot SKU is bought
	orders bool // operations are orders, which are done when they are paid
	// limits opens what it is measured beside, the one that counts first.
	limits func(ctx context.Context, r *run) ([]limit, error)
	// combine puts before them, if it is not nil, one that is worked out from them.
	combine func(limits []Limit, throughput float64) []Limit
	// measure, if it is not nil, is all of it: where turns of one operation do not do.
	measure func(ctx context.Context, r *run, s Scenario) (Result, error)
}

// scenarios are all of them, in the order in which they run.
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

// Names are the scenarios', in the order in which they run.
func Names() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.Name
	}
	return names
}

// List is what there is to measure.
func List() []Scenario { return slices.Clone(scenarios) }

func find(name string) (Scenario, bool) {
	i := slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return scenarios[i], true
}

// sample is one part of a measurement.
type sample struct {
	tally     *tally
	done      int // operations, of orders those that were paid
	elapsed   time.Duration
	cpu       CPU
	conflicts int   // transactions of bare statements that were run again
	waiting   int64 // events and webhooks that were left for the workers at its end
}

// add puts another part to the sample.
func (s *sample) add(o sample) {
	if s.tally == nil {
		s.tally = newTally()
	}
	s.tally.add(o.tally)
	s.done, s.elapsed, s.waiting = s.done+o.done, s.elapsed+o.elapsed, s.waiting+o.waiting
	s.conflicts += o.conflicts
	s.cpu.add(o.cpu)
}

// perSecond is the throughput.
func (s *sample) perSecond() float64 {
	if s.elapsed == 0 {
		return 0
	}
	return float64(s.done) / s.elapsed.Seconds()
}
