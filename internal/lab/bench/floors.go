package bench

import (
	"errors"
	"fmt"
	"slices"
)

// ErrMissed is wrapped by the error for a floor that was not met.
var ErrMissed = errors.New("MISSED")

func missed(floors []Floor) error {
	var faults []error
	for _, f := range floors {
		if !f.Met {
			faults = append(faults, fmt.Errorf("%w: %s: %s, want %s", ErrMissed, f.About, f.Got, f.Want))
		}
	}
	return errors.Join(faults...)
}

// The floors: what the shop is expected to reach.
const (
	readFloor     = 0.50 // of the bare handler
	checkoutFloor = 0.35 // of the bare statements
	tailFloor     = 10   // p99 over p50
	quoteFloor    = 0.30 // of the bare arithmetic, a core
	costCeiling   = 1.3  // a line's among many SKUs, over that among few
)

// floors returns the floors of the scenarios that were measured.
func floors(results []Result) []Floor {
	all := []Floor{}
	of := func(name string) *Result {
		i := slices.IndexFunc(results, func(r Result) bool { return r.Scenario == name })
		if i < 0 {
			return nil
		}
		return &results[i]
	}
	checkout, hot := of("checkout"), of("hot-sku")
	if browse := of("browse"); browse != nil {
		all = append(all, ratioFloor("a cached product read, of the bare handler's throughput", browse.Limits[0].Ratio, readFloor))
	}
	if checkout != nil {
		all = append(all, ratioFloor("checkout, of the bare statements' throughput", checkout.Limits[0].Ratio, checkoutFloor))
	}
	if checkout != nil && hot != nil {
		all = append(all, Floor{
			About: "hot-sku, orders a second", Want: fmt.Sprintf("at least checkout's %.0f", checkout.Throughput),
			Got: fmt.Sprintf("%.0f", hot.Throughput), Met: hot.Throughput >= checkout.Throughput,
		})
	}
	if hot != nil {
		all = append(all, Floor{
			About: "hot-sku, errors other than sold out", Want: "none", Got: fmt.Sprint(sum(hot.Errors)), Met: len(hot.Errors) == 0,
		})
	}
	for _, r := range []*Result{checkout, hot} {
		if r != nil {
			all = append(all, tailOf(*r))
		}
	}
	if prices := of("prices"); prices != nil {
		all = append(all, priceFloors(*prices.Prices)...)
	}
	return all
}

func priceFloors(f PriceFigures) []Floor {
	long := f.Quotes[0]
	return []Floor{
		ratioFloor(fmt.Sprintf("lines priced in quotes of %d, of the bare arithmetic's a core", long.Lines), long.Ratio, quoteFloor),
		{
			About: fmt.Sprintf("cost of a line among %d SKUs, over that among %d", f.SKUs, fewSKUs),
			Want:  fmt.Sprintf("at most %.1f", costCeiling), Got: fmt.Sprintf("%.2f", f.CostRatio), Met: f.CostRatio > 0 &&
				f.CostRatio <= costCeiling,
		},
		tripFloor("database round trips of a quote out of memory", long.TripsPerQuote, 0),
		tripFloor("database round trips of a quote not in memory", f.TripsUncached, 1),
	}
}

func tripFloor(about string, got, most float64) Floor {
	return Floor{About: about, Want: fmt.Sprintf("at most %.0f", most), Got: fmt.Sprintf("%.3f", got), Met: got <= most}
}

func ratioFloor(about string, got, want float64) Floor {
	return Floor{About: about, Want: fmt.Sprintf("at least %.0f%%", want*100), Got: fmt.Sprintf("%.0f%%", got*100), Met: got >= want}
}

func tailOf(r Result) Floor {
	f := Floor{About: r.Scenario + ", p99 over p50", Want: fmt.Sprintf("at most %d", tailFloor), Got: "nothing was measured"}
	if r.Latency.P50 > 0 {
		tail := r.Latency.P99 / r.Latency.P50
		f.Got, f.Met = fmt.Sprintf("%.1f", tail), tail <= tailFloor
	}
	return f
}

func sum(counts map[string]int) int {
	n := 0
	for _, count := range counts {
		n += count
	}
	return n
}
