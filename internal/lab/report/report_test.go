package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"meridian/internal/lab/client"
)

// near allows for the three digits of the histogram.
var near = cmpopts.EquateApprox(0.001, 0)

func TestLatency(t *testing.T) {
	ms := func(all ...int) *Times {
		times := new(Times)
		for _, n := range all {
			times.Add(time.Duration(n) * time.Millisecond)
		}
		return times
	}
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, test := range []struct {
		name  string
		times *Times
		want  Latency
	}{
		{"none", ms(), Latency{}},
		{"one", ms(7), Latency{Count: 1, P50: 7, P95: 7, P99: 7, Max: 7}},
		{"two", ms(9, 1), Latency{Count: 2, P50: 1, P95: 9, P99: 9, Max: 9}},
		{"1 to 100, backwards", ms(hundred...), Latency{Count: 100, P50: 50, P95: 95, P99: 99, Max: 100}},
		{"days", ms(24 * 3600 * 1000), Latency{Count: 1, P50: 3600e3, P95: 3600e3, P99: 3600e3, Max: 3600e3}},
	} {
		if diff := cmp.Diff(test.want, test.times.Latency(), near); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// A quantile is one of the times, which that share does not exceed, and no lesser one is.
func TestQuantile_Rank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 50), func(n int) time.Duration { return time.Duration(n) * time.Millisecond }), 1,
			60).Draw(t, "took")
		percent := rapid.IntRange(1, 100).Draw(t, "percent")
		var times Times
		for _, d := range took {
			times.Add(d)
		}
		got := times.Quantile(float64(percent) / 100).Round(time.Millisecond)
		within := func(limit time.Duration) int {
			n := 0
			for _, d := range took {
				if d <= limit {
					n++
				}
			}
			return 100 * n
		}
		if !slices.Contains(took, got) || within(got) < percent*len(took) || within(got-time.Millisecond/2) >= percent*len(took) {
			t.Fatalf("the %dth percentile of %v is not %v", percent, took, got)
		}
	})
}

func TestCalls(t *testing.T) {
	var calls Calls
	for _, a := range []client.Attempt{
		{Method: "POST", Path: "/v1/orders", Number: 1, Status: 503, Code: "unavailable", RoundTrips: -1},
		{Method: "POST", Path: "/v1/orders", Number: 2, Status: 201, Final: true, RoundTrips: 2, Took: time.Second},
		{Method: "GET", Path: "/v1/orders/ord_1?x=y", Number: 1, Status: 200, Final: true, RoundTrips: 1, Took: time.Second},
	} {
		calls.Observe(a)
	}
	want := []Call{
		{Name: "GET /v1/orders/{id}", Count: 1, Latency: Latency{Count: 1, P50: 1000, P95: 1000, P99: 1000, Max: 1000},
			Refused: map[string]int{}},
		{Name: "POST /v1/orders", Count: 2, Latency: Latency{Count: 1, P50: 1000, P95: 1000, P99: 1000, Max: 1000},
			Refused: map[string]int{"unavailable": 1}},
	}
	if diff := cmp.Diff(want, calls.List(), near); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := calls.Sum(); got != (Totals{Requests: 3, Again: 1, Final: 2, RoundTrips: 3}) {
		t.Errorf("totals: %+v", got)
	}
	calls.Reset()
	if len(calls.List()) != 0 || calls.Sum() != (Totals{}) {
		t.Error("something is left after Reset")
	}
}

func TestPrint(t *testing.T) {
	if got := Counts(map[string]int{"a": 1, "b": 12, "c": 12}); got != "b 12, c 12, a 1" {
		t.Errorf("counts: %s", got)
	}
	if got := Counts(map[string]float64{}); got != "none" {
		t.Errorf("counts of none: %s", got)
	}
	if got := Thousands(1234567) + " " + Thousands(39) + " " + Thousands(40001); got != "1,234,567 39 40,001" {
		t.Errorf("thousands: %s", got)
	}
	var out bytes.Buffer
	table := NewFigures(&out, "", "p50", "ms")
	table.Row("whole operation", 1.5, "")
	if err := table.Flush(); err != nil || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), "whole operation  1.5") {
		t.Errorf("table, %v:\n%s", err, out.String())
	}
	if got := Tally([]int{1, 2, 3}, func(n int) string { return []string{"even", "odd"}[n%2] }); got["odd"] != 2 || got["even"] != 1 {
		t.Errorf("tally: %v", got)
	}
}
