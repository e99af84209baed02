package finance

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
)

// strategyRates are units for one euro.
var strategyRates = map[money.Currency]string{
	"EUR": "1", "USD": "1.1", "CHF": "0.95", "GBP": "0.8712", "CAD": "1.6117", "MXN": "20.0563", "BRL": "5.8771", "JPY": "186.13",
	"AUD": "1.6531", "SGD": "1.4987", "SEK": "10.892",
}

// newStrategyShop has goods that are priced in euro alone (A to E), in several currencies (L), and in dollars alone (U).
func newStrategyShop(t testing.TB) *shop {
	t.Helper()
	s := newShop(t)
	for currency, rate := range strategyRates {
		if currency != "EUR" && currency != "USD" && currency != "CHF" {
			databasetest.Exec(t, s.DB, `
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from)
VALUES ($1, 'ecb', '2026-03-02', $2, 'in_force', TIMESTAMPTZ '2026-03-02 15:00:00+00')`, string(currency), rate)
		}
	}
	seed.Products(t, s.DB,
		seed.Product{Slug: "l", SKUs: []seed.SKU{{Code: "L", Prices: map[string]int64{
			"EUR": 1299, "USD": 1449, "MXN": 26100, "JPY": 2400, "AUD": 2150, "SGD": 1950, "GBP": 1131, "CAD": 2099, "CHF": 1235}}}},
		seed.Product{Slug: "u", SKUs: []seed.SKU{{Code: "U", Prices: map[string]int64{"USD": 777}}}})
	databasetest.Exec(t, s.DB, `UPDATE skus SET base_currency = 'USD' WHERE sku = 'U'`)
	return s
}

// strategyPrices are the catalogue prices of newStrategyShop, as the model knows them.
var strategyPrices = map[string]map[money.Currency]int64{
	"A": {"EUR": 1000}, "C": {"EUR": 3000}, "U": {"USD": 777},
	"L": {"EUR": 1299, "USD": 1449, "MXN": 26100, "JPY": 2400, "AUD": 2150, "SGD": 1950, "GBP": 1131, "CAD": 2099, "CHF": 1235},
}

// modelPrice works a price out in exact fractions: the seller's price in the currency where it counts, else the base price
// through the euro, times the multiplier, rounded half to even to the minor unit, or to steps of five.
func modelPrice(t testing.TB, sku string, c money.Currency, multiplier string, listed bool, step int64) int64 {
	t.Helper()
	prices := strategyPrices[sku]
	if minor, ok := prices[c]; ok && listed {
		return minor
	}
	base := money.Currency("EUR")
	if _, ok := prices[base]; !ok {
		base = "USD"
	}
	rat := func(text string) *big.Rat {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		return r
	}
	x := new(big.Rat).SetInt64(prices[base])
	x.Quo(x.Mul(x, rat(strategyRates[c])), rat(strategyRates[base]))
	x.Mul(x, rat(multiplier))
	for range c.Exponent() {
		x.Mul(x, rat("10"))
	}
	for range base.Exponent() {
		x.Quo(x, rat("10"))
	}
	x.Quo(x, new(big.Rat).SetInt64(step))
	floor := new(big.Int).Div(x.Num(), x.Denom())
	rest := new(big.Rat).Sub(x, new(big.Rat).SetInt(floor))
	switch half := rest.Cmp(big.NewRat(1, 2)); {
	case half > 0, half == 0 && (step > 1 || floor.Bit(0) == 1): // cash-5 rounds half up
		floor.Add(floor, big.NewInt(1))
	}
	return floor.Int64() * step
}

// strategyPlace is where somebody buys, and what the strategies make of it.
type strategyPlace struct {
	country          string
	currency         money.Currency
	standard, market string // before, and under regional
	multiplier       string
	listed           bool // the sellers' prices count under regional
	step             int64
}

var strategyPlaces = []strategyPlace{
	{"US", "USD", "us", "us", "1", false, 1},
	{"DE", "EUR", "eu", "eu", "1.2", false, 1},
	{"SE", "SEK", "eu", "eu", "1.2", false, 1},
	{"AU", "AUD", "au", "au", "0.9", false, 1},
	{"JP", "JPY", "jp", "jp", "0.9", false, 1},
	{"SG", "SGD", "sg", "sg", "0.9", false, 1},
	{"KR", "USD", "world", "apac", "0.9", false, 1},
	{"BR", "USD", "world", "latam", "0.8", false, 1},
	{"BR", "BRL", "world", "latam", "0.8", false, 1},
	{"AR", "USD", "world", "latam", "0.8", false, 1},
	{"CL", "USD", "world", "latam", "0.8", false, 1},
	{"CO", "USD", "world", "latam", "0.8", false, 1},
	{"PE", "USD", "world", "latam", "0.8", false, 1},
	{"MX", "MXN", "mx", "latam", "0.8", false, 1},
	{"CA", "CAD", "ca", "ca", "1", true, 1},
	{"GB", "GBP", "uk", "uk", "1", true, 1},
	{"CH", "CHF", "ch", "ch", "1", true, 5},
	{"NG", "USD", "world", "world", "1", true, 1},
}

// wantStrategyPrices fails the test unless every place pays what the model says at a moment.
func (s *shop) wantStrategyPrices(t testing.TB, at time.Time, regional bool) {
	t.Helper()
	var rows pricing.RuleRows
	priced := make(map[string]*pricing.PricedSKU)
	testkit.NoError(t, s.DB.Read(t.Context(), func(b *database.Batch) error {
		pricing.QueueRules(b, at, &rows)
		pricing.QueuePricedSKUs(b, []string{"A", "C", "L", "U"}, at, priced)
		return nil
	}))
	rules := pricing.NewRules(rows)
	for _, place := range strategyPlaces {
		market, multiplier, listed := place.standard, "1", true
		if regional {
			market, multiplier, listed = place.market, place.multiplier, place.listed
		}
		m := testkit.Must(rules.MarketOf(place.country, at))(t)
		if m.Code != market {
			t.Errorf("%s is in the market %s, want %s", place.country, m.Code, market)
		}
		for sku := range strategyPrices {
			unit := testkit.Must(rules.Unit(priced[sku], pricing.Ask{Market: m, Currency: place.currency, At: at}, 1))(t)
			if want := modelPrice(t, sku, place.currency, multiplier, listed, place.step); unit.AmountMinor != want {
				t.Errorf("%s in %s costs %d %s, the model says %d", sku, place.country, unit.AmountMinor, place.currency, want)
			}
		}
	}
}

func strategy(code string) StrategyInput {
	return StrategyInput{By: by("ada"), Code: code, From: hours(2)}
}

// TestSetStrategy: the regional prices come in force at one instant, with a second person's word, and go again.
func TestSetStrategy(t *testing.T) {
	s := newStrategyShop(t)
	before := s.image(t)
	dry := strategy("regional")
	dry.DryRun, dry.By = true, By{}
	p := testkit.Must(s.SetStrategy(t.Context(), dry))(t)
	s.wantUnchanged(t, before)
	if !p.NeedsApproval || p.Effect.SKUs != 7 || p.Effect.More || p.Change.Status != "" {
		t.Errorf("the dry run: %+v", p)
	}

	p = testkit.Must(s.SetStrategy(t.Context(), strategy("regional")))(t)
	if p.Change.Status != StatusPending || p.Change.Kind != KindStrategy || p.Change.Subject != "regional" {
		t.Fatalf("the change: %+v", p.Change)
	}
	if diff := cmp.Diff(before["markets"], s.image(t)["markets"]); diff != "" {
		t.Errorf("markets changed before anybody approved (-before +after):\n%s", diff)
	}
	if _, err := s.Approve(t.Context(), p.Change.ID, "ada"); !errors.Is(err, ErrOwnChange) {
		t.Errorf("ada approves her own: %v", err)
	}
	testkit.Must(s.Approve(t.Context(), p.Change.ID, "ben"))(t)
	s.wantStrategyPrices(t, hours(2).Add(-time.Microsecond), false)
	s.wantStrategyPrices(t, hours(2), true)
	s.wantStrategyPrices(t, hours(9), true)

	s.clock.Advance(3 * time.Hour)
	if again := testkit.Must(s.SetStrategy(t.Context(), StrategyInput{By: by("ada"), Code: "regional"}))(t); again.Change.Status != "" {
		t.Errorf("once more: %+v", again)
	}
	back := strategy("standard")
	back.From = hours(4)
	p = testkit.Must(s.SetStrategy(t.Context(), back))(t)
	testkit.Must(s.Approve(t.Context(), p.Change.ID, "ben"))(t)
	s.wantStrategyPrices(t, hours(2).Add(-time.Microsecond), false)
	s.wantStrategyPrices(t, hours(3), true)
	s.wantStrategyPrices(t, hours(4), false)

	s.clock.Advance(3 * time.Hour)
	inForce := make(map[string]bool)
	for _, f := range testkit.Must(s.Strategies(t.Context()))(t) {
		inForce[f.Code] = f.InForce
	}
	if diff := cmp.Diff(map[string]bool{"standard": true, "regional": false}, inForce); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
}

// TestSetStrategy_Effect: what is told of each move of countries.
func TestSetStrategy_Effect(t *testing.T) {
	s := newStrategyShop(t)
	in := strategy("regional")
	in.DryRun = true
	p := testkit.Must(s.SetStrategy(t.Context(), in))(t)
	type move struct {
		From, To, Countries string
		Rises, Falls, Same  int
		First               MoveExample
	}
	var got []move
	for _, m := range p.Effect.Moves {
		countries := "many"
		if len(m.Countries) == 1 {
			countries = m.Countries[0]
		}
		first := MoveExample{}
		if len(m.Examples) > 0 {
			first = m.Examples[0]
		}
		got = append(got, move{m.From, m.To, countries, m.Rises, m.Falls, m.Unchanged, first})
	}
	want := []move{
		{"world", "apac", "many", 0, 7, 0, MoveExample{"A", 1100, 990, -1000}},
		{"au", "au", "AU", 0, 7, 0, MoveExample{"A", 1653, 1488, -999}},
		{"eu", "eu", "many", 7, 0, 0, MoveExample{"A", 1000, 1200, 2000}},
		{"jp", "jp", "JP", 0, 7, 0, MoveExample{"A", 1861, 1675, -1000}},
		{"mx", "latam", "MX", 0, 7, 0, MoveExample{"A", 20056, 16045, -2000}},
		{"world", "latam", "many", 0, 7, 0, MoveExample{"A", 1100, 880, -2000}},
		{"sg", "sg", "SG", 0, 7, 0, MoveExample{"A", 1499, 1349, -1001}},
		{"us", "us", "US", 0, 1, 6, MoveExample{"L", 1449, 1429, -139}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

// TestSetStrategy_Refused: what stands in the way is named, and nothing changes.
func TestSetStrategy_Refused(t *testing.T) {
	s := newStrategyShop(t)
	if _, err := s.SetStrategy(t.Context(), strategy("global")); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown strategy: %v", err)
	}
	brazil := &MarketRule{Code: "brazil", Title: "Brazil", Countries: []string{"BR"}, Currency: "BRL", Multiplier: money.NewDecimal(1, 0)}
	c := testkit.Must(s.SetRule(t.Context(), brazil, time.Time{}, by("ada")))(t)
	testkit.Must(s.Approve(t.Context(), c.ID, "ben"))(t)
	s.list(t, "mexico-spring", pricing.Regular, func(in *ListInput) { in.Market = "mx" })
	before := s.image(t)
	_, err := s.SetStrategy(t.Context(), strategy("regional"))
	wantFaults(t, err, "markets.latam.countries[1]", "ends.mx")
	s.wantUnchanged(t, before)
}

// TestSetStrategy_Overtaken: a market that changed after its strategy was proposed is not what the second person saw, nor is
// a market of a strategy that came meanwhile.
func TestSetStrategy_Overtaken(t *testing.T) {
	t.Run("by a market", func(t *testing.T) {
		s := newStrategyShop(t)
		p := testkit.Must(s.SetStrategy(t.Context(), strategy("regional")))(t)
		s.clock.Advance(time.Minute)
		testkit.Must(s.SetRule(t.Context(), &MarketRule{Code: "us", Title: "USA", Countries: []string{"US"}, Currency: "USD",
			Multiplier: money.NewDecimal(1, 0)}, time.Time{}, by("cyd")))(t)
		if _, err := s.Approve(t.Context(), p.Change.ID, "ben"); !errors.Is(err, ErrOvertaken) {
			t.Errorf("approving it: %v", err)
		}
	})
	t.Run("by a strategy", func(t *testing.T) {
		s := newStrategyShop(t)
		c := testkit.Must(s.SetRule(t.Context(), swiss(func(m *MarketRule) { m.Rounding = nil }), hours(5), by("cyd")))(t)
		s.clock.Advance(time.Minute)
		p := testkit.Must(s.SetStrategy(t.Context(), strategy("regional")))(t)
		testkit.Must(s.Approve(t.Context(), p.Change.ID, "ben"))(t)
		if _, err := s.Approve(t.Context(), c.ID, "ben"); !errors.Is(err, ErrOvertaken) {
			t.Errorf("approving the market's: %v", err)
		}
	})
}
