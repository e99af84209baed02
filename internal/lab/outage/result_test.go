package outage

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/internal/testkit"
	"meridian/regions"
)

const second = time.Second

// order returns a checkout that was answered at an instant.
func order(edge string, ended time.Duration, o outcome) request {
	return request{edge: edge, kind: checkout, outcome: o, route: "POST /v1/orders", ended: ended, took: 100 * time.Millisecond}
}

func TestMeasure(t *testing.T) {
	down := order("us-west", 25*second, failed)
	down.code = "unavailable"
	late := order("us-west", 41*second, failed)
	late.code = "no_answer"
	all := []request{
		order("us-west", 5*second, served),
		order("us-west", 19*second, refused),
		down,
		order("eu-west", 21*second, served),
		order("eu-west", 32*second, served),
		{edge: "eu-west", kind: read, outcome: served, route: "GET /v1/products", ended: 20 * second, took: 300 * time.Millisecond},
		late,
		order("us-west", 50*second, served),
	}
	m := measure(all, 20*second, 40*second, 60*second)
	for name, is := range map[string][2]Counts{
		"whole":  {m.Whole.Requests, Counts{Served: 5, Refused: 1, Failed: 2}},
		"before": {m.Before.Requests, Counts{Served: 1, Refused: 1}},
		"during": {m.During.Requests, Counts{Served: 3, Failed: 1}},
		"after":  {m.After.Requests, Counts{Served: 1, Failed: 1}},
		"edge":   {m.Edges["us-west"], Counts{Failed: 1}},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: counted %+v, want %+v", name, is[0], is[1])
		}
	}
	for name, is := range map[string][2]float64{
		"success":      {m.During.Success, 0.75},
		"last failure": {m.LastFailed, 5},
		"no order before, from the first order to the fault": {m.NoOrderBefore, 15},
		"no order, of which a part was before the fault":     {m.NoOrder, 16},
		"no order after": {m.NoOrderAfter, 18},
		"no order at us-west, since its only one": {m.NoOrderAt["us-west"], 35},
		"no order at eu-west":                     {m.NoOrderAt["eu-west"], 21},
		"reads":                                   {float64(m.During.Reads.Count), 1},
		"checkouts":                               {float64(m.During.Checkouts.Count), 2},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %v, want %v", name, is[0], is[1])
		}
	}
	want := map[string]int{"POST /v1/orders unavailable": 1, "POST /v1/orders no_answer": 1}
	if diff := cmp.Diff(want, m.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestLongestWithout(t *testing.T) {
	seconds := func(n ...int) (at []time.Duration) {
		for _, s := range n {
			at = append(at, time.Duration(s)*second)
		}
		return at
	}
	for _, test := range []struct {
		name           string
		at             []time.Duration
		from, to, want time.Duration
	}{
		{"nothing ever", nil, 20 * second, 40 * second, 40 * second},
		{"the last one long before", seconds(3), 20 * second, 40 * second, 37 * second},
		{"across the beginning", seconds(19, 30, 39), 20 * second, 40 * second, 11 * second},
		{"a pause that was over before does not count", seconds(1, 19, 21, 39), 20 * second, 40 * second, 18 * second},
		{"at the end", seconds(20, 25), 20 * second, 40 * second, 15 * second},
		{"what comes later does not count", seconds(20, 39, 90), 20 * second, 40 * second, 19 * second},
	} {
		if got := longestWithout(test.at, test.from, test.to); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for _, test := range []struct {
		attempt client.Attempt
		kind    kind
		outcome outcome
	}{
		{client.Attempt{Method: "GET", Path: "/v1/products?limit=20"}, read, served},
		{client.Attempt{Method: "POST", Path: "/v1/carts", Code: "unavailable"}, change, failed},
		{client.Attempt{Method: "POST", Path: "/v1/orders"}, checkout, served},
		{client.Attempt{Method: "POST", Path: "/v1/orders", Code: "sold_out"}, checkout, refused},
		{client.Attempt{Method: "POST", Path: "/v1/orders", Code: "no_answer"}, checkout, failed},
		{client.Attempt{Method: "GET", Path: "/v1/orders/ord_1", Code: "not_found"}, read, failed},
	} {
		if got := describe(test.attempt); got.kind != test.kind || got.outcome != test.outcome {
			t.Errorf("%+v is %+v", test.attempt, got)
		}
	}
}

func TestGoals(t *testing.T) {
	met := func(r Result) (all []bool) {
		for _, g := range r.Goals() {
			all = append(all, g.Met)
		}
		return all
	}
	good := Result{Measures: Measures{Whole: Phase{Success: 0.999}, LastFailed: 5, NoOrder: 15}}
	if got := met(good); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("at the limits: %v", got)
	}
	bad := Result{Measures: Measures{Whole: Phase{Success: 0.9989}, LastFailed: 5.1, NoOrder: 15.1}}
	if got := met(bad); !slices.Equal(got, []bool{false, false, false}) {
		t.Errorf("beyond them: %v", got)
	}
	if got := Percent(0.99999); got != "99.99 %" {
		t.Errorf("nearly all is %s", got)
	}
}

// bought is a purchase of a unit, and the order that the book has of it.
func bought(id string) (*shopper.Purchase, *audit.Order) {
	p := &shopper.Purchase{Cart: client.Cart{ID: "crt_" + id}}
	p.Told(client.Order{ID: id, Status: "paid", Currency: "EUR", TotalMinor: 100})
	return p, &audit.Order{ID: id, Cart: "crt_" + id, Status: "paid", Currency: "EUR", TotalMinor: 100, CapturedMinor: 100,
		Lines: []audit.Line{{SKU: "A", Quantity: 1}}}
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name   string
		tamper func(p *shopper.Purchase, b *audit.Book)
		want   Verdict
	}{
		{"they agree", func(*shopper.Purchase, *audit.Book) {}, Verdict{Told: 1}},
		{"lost", func(_ *shopper.Purchase, b *audit.Book) { clear(b.Orders) }, Verdict{Told: 1, Lost: 1}},
		{"another total", func(_ *shopper.Purchase, b *audit.Book) { b.Orders["1"].TotalMinor = 99 }, Verdict{Told: 1, Lost: 1}},
		{"told paid", func(_ *shopper.Purchase, b *audit.Book) { b.Orders["1"].Status = "cancelled" }, Verdict{Told: 1, Lost: 1}},
		{"oversold", func(_ *shopper.Purchase, b *audit.Book) { b.Stock[0].Received = 0 }, Verdict{Told: 1, Oversold: 1}},
		{"a row short", func(_ *shopper.Purchase, b *audit.Book) { b.Stock[0].Short = 3 }, Verdict{Told: 1, Oversold: 3}},
		{"twice", func(_ *shopper.Purchase, b *audit.Book) {
			b.Orders["2"] = &audit.Order{ID: "2", Cart: "crt_1", Status: "cancelled"}
		}, Verdict{Told: 1, Duplicated: 1}},
		{"nobody was told", func(p *shopper.Purchase, _ *audit.Book) { p.Orders, p.Unknown = nil, true }, Verdict{}},
		{"refused", func(p *shopper.Purchase, _ *audit.Book) { p.Orders, p.Refused = nil, "sold_out" }, Verdict{Contradicted: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, o := bought("1")
			book := audit.Book{Orders: map[string]*audit.Order{"1": o}, Stock: []audit.Stock{{SKU: "A", Received: 1}}}
			test.tamper(p, &book)
			got := judge([]*shopper.Purchase{p}, book)
			if clean := len(got.Findings) == 0; clean != (test.want.Oversold+test.want.Lost+test.want.Duplicated+test.want.Contradicted == 0) {
				t.Errorf("it found %v", got.Findings)
			}
			got.Findings = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFind(t *testing.T) {
	if all, err := Find(); err != nil || len(all) != len(Faults) {
		t.Errorf("all: %v, %v", all, err)
	}
	if got, err := Find("lose-standby"); err != nil || len(got) != 1 || got[0].Name != "lose-standby" {
		t.Errorf("one: %v, %v", got, err)
	}
	if _, err := Find("lose-standby", "flood"); err == nil {
		t.Error("an unknown fault is found")
	}
	about := make(map[string]string)
	for _, f := range Faults {
		about[f.Name] = f.About
	}
	if len(about) != len(Faults) || slices.Contains(slices.Collect(maps.Values(about)), "") {
		t.Errorf("faults have one name and a description each: %v", about)
	}
}

func TestConfig_Validate(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	testkit.NoError(t, Config{Regions: set}.Validate())
	testkit.NoError(t, Config{Regions: set}.withDefaults().Validate())
	for _, bad := range []Config{{Duration: second}, {ShoppersEach: -1}, {ShoppersEach: 51}, {SettleWithin: -1}, {Duration: 2 * time.Hour}} {
		bad.Regions = set
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if err := (Config{}).Validate(); err == nil {
		t.Error("no regions are accepted")
	}
}
