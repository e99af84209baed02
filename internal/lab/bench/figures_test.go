package bench

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/lab/client"
)

func TestPercentile(t *testing.T) {
	ms := func(all ...int) []time.Duration {
		took := make([]time.Duration, len(all))
		for i, n := range all {
			took[i] = time.Duration(n) * time.Millisecond
		}
		return took
	}
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, test := range []struct {
		name string
		took []time.Duration
		want Latency
	}{
		{"none", nil, Latency{}},
		{"one", ms(7), Latency{Count: 1, P50: 7, P95: 7, P99: 7, Max: 7}},
		{"two", ms(9, 1), Latency{Count: 2, P50: 1, P95: 9, P99: 9, Max: 9}},
		{"1 to 100, backwards", ms(hundred...), Latency{Count: 100, P50: 50, P95: 95, P99: 99, Max: 100}},
	} {
		if diff := cmp.Diff(test.want, newLatency(test.took)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// A percentile is one of the times, p percent of which do not exceed it, and no lesser one
// is.
func TestPercentile_Rank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 50), func(n int) time.Duration { return time.Duration(n) * time.Millisecond }), 1, 60).Draw(t, "took")
		p := float64(rapid.IntRange(1, 100).Draw(t, "p"))
		slices.Sort(took)
		got := percentile(took, p)
		within := func(limit float64) float64 {
			n := 0
			for _, d := range took {
				if milliseconds(d) <= limit {
					n++
				}
			}
			return 100 * float64(n) / float64(len(took))
		}
		if !slices.ContainsFunc(took, func(d time.Duration) bool { return milliseconds(d) == got }) || within(got) < p || within(got-0.5) >= p {
			t.Fatalf("the %.0fth percentile of %v is not %v", p, took, got)
		}
	})
}

func TestTally(t *testing.T) {
	one, two := newTally(), newTally()
	one.call("checkout", client.Attempt{Took: time.Second, RoundTrips: 2})
	one.call("checkout", client.Attempt{Took: time.Second, RoundTrips: 1, Status: 409, Code: "sold_out"})
	one.operation(time.Second, nil)
	one.operation(time.Second, &client.ProblemError{Status: 409, Code: "sold_out"})
	two.call("create cart", client.Attempt{RoundTrips: -1, Code: "no_answer"})
	two.operation(time.Second, errors.New("connection refused"))
	two.operation(time.Second, &client.ProblemError{Status: 502})
	one.add(two)
	if one.done != 1 || one.soldOut != 1 || one.begun() != 4 || one.requests != 3 || one.trips != 3 || len(one.took) != 1 {
		t.Errorf("tally: %+v", one)
	}
	if diff := cmp.Diff(map[string]int{"no_answer": 1, "http_502": 1}, one.errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if len(one.calls) != 1 || len(one.calls["checkout"]) != 1 {
		t.Errorf("calls: %v", one.calls)
	}
}

func TestParseSeries(t *testing.T) {
	for _, test := range []struct {
		line, labels, reason string
		value                float64
		ok                   bool
	}{
		{`meridian_database_retries_total{reason="conflict",region="eu-west"} 42`, `reason="conflict",region="eu-west"`, "conflict", 42, true},
		{`meridian_database_retries_total{region="eu-west",reason="not_sent"} 1.5e+06`, `region="eu-west",reason="not_sent"`, "not_sent", 1.5e6, true},
		{`meridian_database_retries_total{region="eu-west"} 1`, `region="eu-west"`, "unknown", 1, true},
		{`meridian_database_retries_totals{reason="x"} 1`, "", "", 0, false},
		{`# TYPE meridian_database_retries_total counter`, "", "", 0, false},
		{`meridian_database_retries_total{reason="x"} many`, "", "", 0, false},
		{`meridian_database_retries_total{reason="x"`, "", "", 0, false},
	} {
		labels, value, ok := parseSeries(test.line, retriesMetric)
		if ok != test.ok || ok && (labels != test.labels || value != test.value || reasonOf(labels) != test.reason) {
			t.Errorf("%s is %q, %v, %v", test.line, labels, value, ok)
		}
	}
	got := grown(map[string]float64{"conflict": 3, "not_sent": 1}, map[string]float64{"conflict": 5, "not_sent": 1, "lost": 2})
	if diff := cmp.Diff(map[string]float64{"conflict": 2, "lost": 2}, got); diff != "" {
		t.Errorf("grown (-want +got):\n%s", diff)
	}
}

func TestTreeTime(t *testing.T) {
	all := []process{
		{pid: 1, used: 100}, {pid: 10, parent: 1, used: 1},
		{pid: 20, parent: 10, used: 2}, {pid: 21, parent: 20, used: 4}, {pid: 30, parent: 21, used: 8}, {pid: 31, parent: 30, used: 16},
		{pid: 40, parent: 10, used: 32},
	}
	for _, test := range []struct {
		name   string
		root   int
		except []int
		want   time.Duration
	}{
		{"generator without what it started", 10, []int{20, 40}, 1},
		{"shop without the database", 20, []int{30}, 6},
		{"database with its servers", 30, nil, 24},
		{"none to leave out", 10, []int{0}, 63},
		{"unknown", 99, nil, -1},
		{"not there", 0, nil, -1},
	} {
		if got := treeTime(all, test.root, test.except...); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	if spent(-1, 5) != nil || spent(5, -1) != nil || *spent(0, time.Second) != 1 {
		t.Error("what is not known is told, or what is known is not")
	}
}

func TestFloors(t *testing.T) {
	result := func(name string, throughput, ratio float64, p50, p99 float64, errors map[string]int) Result {
		return Result{
			Scenario: name, Throughput: throughput, Limits: []Limit{{Ratio: ratio}}, Errors: errors,
			Latency: Latency{P50: p50, P99: p99},
		}
	}
	good := []Result{result("browse", 1, 0.5, 1, 99, nil), result("checkout", 100, 0.35, 1, 10, nil), result("hot-sku", 100, 0, 1, 10, nil)}
	bad := []Result{result("browse", 1, 0.49, 1, 1, nil), result("checkout", 100, 0.34, 1, 11, nil), result("hot-sku", 99, 0, 1, 11, map[string]int{"internal": 1})}
	prices := func(ratio, cost, trips, uncached float64) Result {
		return Result{Scenario: "prices", Prices: &PriceFigures{SKUs: 9, CostRatio: cost, TripsUncached: uncached, Quotes: []QuoteFigures{{Lines: 1000, Ratio: ratio, TripsPerQuote: trips}}}}
	}
	good, bad = append(good, prices(0.3, 1.3, 0, 1)), append(bad, prices(0.29, 1.31, 0.01, 1.01))
	for _, f := range append(floors(good), floors([]Result{prices(1, 1, 0, 0)})...) {
		if !f.Met {
			t.Errorf("missed: %+v", f)
		}
	}
	for _, f := range append(floors(bad), priceFloors(PriceFigures{Quotes: []QuoteFigures{{}}})[:2]...) { // the latter not known
		if f.Met {
			t.Errorf("met: %+v", f)
		}
	}
	if n, m := len(floors(good)), len(floors(nil)); n != 10 || m != 0 {
		t.Errorf("%d and %d floors", n, m)
	}
}

func TestReportErr(t *testing.T) {
	clean := Audit{Clean: true}
	if err := (Report{Audit: clean, Scenarios: []Result{{SoldOut: 9}}, Floors: []Floor{{Met: false}}}).Err(); err != nil {
		t.Errorf("sold out, and slow: %v", err)
	}
	err := Report{Audit: Audit{Broken: 2, Examples: []string{"stock_ledger: x"}}, Scenarios: []Result{{Scenario: "cart", Errors: map[string]int{"internal": 3}}}}.Err()
	for _, want := range []string{"cart", "internal 3", "2 broken rows", "stock_ledger"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestDeck(t *testing.T) {
	if requests := deckWeight() + 1; requests != requestsPerOrder { // the order is two
		t.Errorf("%d requests to an order, want %d", requests, requestsPerOrder)
	}
	limits := combined([]Limit{{Throughput: 1000}, {Throughput: 10}}, 500)
	if want := 549 / (548.0/1000 + 1.0/10); len(limits) != 3 || limits[0].Throughput != want || limits[0].Ratio != 500/want {
		t.Errorf("combined: %+v", limits[0])
	}
}

func TestConfigValidate(t *testing.T) {
	config := Config{
		Regions: shippedRegions(t), Scenarios: []string{"fly"}, ClientRegions: []string{"mars"}, Clients: -1, Duration: -1, Rounds: -1, Stock: -1, SKUs: 1,
	}
	err := config.Validate()
	for _, want := range []string{"fly", "hot-sku", "mars", "eu-west", "--clients", "--duration", "--rounds", "--stock", "--skus"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := (Config{Regions: shippedRegions(t)}).withDefaults().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for _, own := range []bool{false, true} {
		c := Config{Regions: shippedRegions(t), OwnShop: own}.withDefaults()
		if got := slices.Contains(c.Scenarios, "prices"); got != own {
			t.Errorf("a shop of its own %t: prices are measured %t", own, got)
		}
		err := Config{Regions: shippedRegions(t), OwnShop: own, Scenarios: []string{"prices"}}.Validate()
		if (err == nil) != own {
			t.Errorf("a shop of its own %t: %v", own, err)
		}
	}
}
