package bench

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
)

func TestTally(t *testing.T) {
	one := newTally()
	one.calls.Count("checkout", client.Attempt{Took: time.Second, RoundTrips: 2})
	one.calls.Count("checkout", client.Attempt{Took: time.Second, RoundTrips: 1, Status: 409, Code: "sold_out"})
	one.operation(time.Second, nil)
	one.operation(time.Second, &client.ProblemError{Status: 409, Code: "sold_out"})
	one.calls.Count("create cart", client.Attempt{RoundTrips: -1, Code: "no_answer"})
	one.operation(time.Second, errors.New("connection refused"))
	one.operation(time.Second, &client.ProblemError{Status: 502})
	sums := one.calls.Sum()
	if one.done != 1 || one.soldOut != 1 || one.begun() != 4 || sums.Requests != 3 || sums.RoundTrips != 3 || one.took.Latency().Count != 1 {
		t.Errorf("tally: %+v, %+v", one, sums)
	}
	if diff := cmp.Diff(map[string]int{"no_answer": 1, "http_502": 1}, one.errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if calls := one.calls.List(); len(calls) != 2 || calls[0].Latency.Count != 1 || calls[1].Latency.Count != 0 {
		t.Errorf("calls: %+v", calls)
	}
}

func TestParseSeries(t *testing.T) {
	for _, test := range []struct {
		line, labels, reason string
		value                float64
		ok                   bool
	}{
		{`meridian_database_retries_total{reason="conflict",region="eu-west"} 42`, `reason="conflict",region="eu-west"`, "conflict", 42, true},
		{`meridian_database_retries_total{region="eu-west",reason="not_sent"} 1.5e+06`, `region="eu-west",reason="not_sent"`,
			"not_sent", 1.5e6, true},
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
			Latency: report.Latency{P50: p50, P99: p99},
		}
	}
	good := []Result{result("browse", 1, 0.5, 1, 99, nil), result("checkout", 100, 0.35, 1, 10, nil), result("hot-sku", 100, 0, 1, 10, nil)}
	bad := []Result{result("browse", 1, 0.49, 1, 1, nil), result("checkout", 100, 0.34, 1, 11, nil),
		result("hot-sku", 99, 0, 1, 11, map[string]int{"internal": 1})}
	prices := func(ratio, cost, trips, uncached float64) Result {
		return Result{Scenario: "prices", Prices: &PriceFigures{SKUs: 9, CostRatio: cost, TripsUncached: uncached,
			Quotes: []QuoteFigures{{Lines: 1000, Ratio: ratio, TripsPerQuote: trips}}}}
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
	clean := audit.Audit{Clean: true}
	if err := (Report{Audit: clean, Scenarios: []Result{{SoldOut: 9}}, Floors: []Floor{{Met: false}}}).Err(); err != nil {
		t.Errorf("sold out, and slow: %v", err)
	}
	err := Report{Audit: audit.Audit{Broken: 2, Examples: []string{"stock_ledger: x"}},
		Scenarios: []Result{{Scenario: "cart", Errors: map[string]int{"internal": 3}}}}.Err()
	for _, want := range []string{"cart", "internal 3", "2 broken rows", "stock_ledger"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestMissed(t *testing.T) {
	met := Floor{About: "browse", Met: true}
	if err := (Report{Floors: []Floor{met}}).Missed(); err != nil {
		t.Errorf("all met: %v", err)
	}
	slow := Floor{About: "checkout", Got: "30%", Want: "at least 35%"}
	for _, err := range []error{(Report{Floors: []Floor{met, slow}}).Missed(), (SearchReport{Floors: []Floor{slow}}).Missed()} {
		if !errors.Is(err, ErrMissed) || !strings.Contains(err.Error(), "checkout: 30%, want at least 35%") ||
			strings.Contains(err.Error(), "browse") {
			t.Errorf("one missed: %v", err)
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
