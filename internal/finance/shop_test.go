package finance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/secret"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
)

// opening is when a shop's clock begins.
var opening = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// shop is a database with a few goods, and its finance by a clock that stands still.
type shop struct {
	*Finance
	clock *testkit.Clock
}

// newShop has SKUs A to E, whose catalogue prices are 10 to 50 euro; there are a dollar's and a
// franc's rates. Without lead, what is changed is in force at the instant of the clock.
func newShop(t testing.TB, set ...func(*Config)) *shop {
	t.Helper()
	s := &shop{clock: testkit.NewClock(opening)}
	config := Config{DB: databasetest.New(t, databasetest.Region("eu-west")), Now: s.clock.Now}
	config.Prices = testkit.Must(pricing.New(pricing.Config{DB: config.DB, Key: secret.Bytes("0123456789abcdef0123456789abcdef"), Lead: -1,
		Now: s.clock.Now}))(t)
	for _, change := range set {
		change(&config)
	}
	s.Finance = New(config)
	databasetest.Exec(t, config.DB, `
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from) VALUES
  ('USD', 'ecb', '2026-03-02', '1.1', 'in_force', TIMESTAMPTZ '2026-03-02 15:00:00+00'),
  ('CHF', 'ecb', '2026-03-02', '0.95', 'in_force', TIMESTAMPTZ '2026-03-02 15:00:00+00')`)
	s.addGoods(t, "A", "B", "C", "D", "E")
	return s
}

// addGoods adds SKUs, each a product, at 10 euro for the first, 20 for the second, and so on.
func (s *shop) addGoods(t testing.TB, skus ...string) {
	t.Helper()
	var products []seed.Product
	for i, sku := range skus {
		products = append(products, seed.Product{
			Slug: strings.ToLower(sku), SKUs: []seed.SKU{{Code: sku, Prices: map[string]int64{"EUR": 1000 * int64(i+1)}}},
		})
	}
	seed.Products(t, s.DB, products...)
}

// by is somebody of finance with a reason.
func by(actor string) By { return By{Actor: actor, Reason: "because " + actor + " says so"} }

// list makes a list in euro, unless set says otherwise.
func (s *shop) list(t testing.TB, code string, kind pricing.Kind, set ...func(*ListInput)) pricing.List {
	t.Helper()
	in := ListInput{By: by("ada"), Code: code, Title: "A list", Kind: kind, Currency: "EUR"}
	for _, change := range set {
		change(&in)
	}
	return testkit.Must(s.CreateList(t.Context(), in))(t)
}

// minor is a price.
func minor(n int64) *int64 { return &n }

// price is a line for one unit and more, from as soon as may be.
func price(sku string, n int64) Line { return Line{SKU: sku, MinQuantity: 1, AmountMinor: &n} }

// endOf is a line that ends a price.
func endOf(sku string) Line { return Line{SKU: sku, MinQuantity: 1} }

// from, to and atLeast are the line from another instant, until one, or for so many units.
func (l Line) from(at time.Time) Line { l.From = at; return l }
func (l Line) to(at time.Time) Line   { l.To = at; return l }
func (l Line) atLeast(n int64) Line   { l.MinQuantity = n; return l }

// hours is so many hours after the opening.
func hours(n int) time.Time { return opening.Add(time.Duration(n) * time.Hour) }

// numbered gives lines their numbers.
func numbered(lines ...Line) []Line {
	for i := range lines {
		lines[i].No = int64(i + 1)
	}
	return lines
}

// set gives a list prices, as ada.
func (s *shop) set(t testing.TB, list string, lines ...Line) Proposal {
	t.Helper()
	return testkit.Must(s.SetPrices(t.Context(), PricesInput{By: by("ada"), List: list, Lines: numbered(lines...)}))(t)
}

// try is set, where it may fail.
func (s *shop) try(ctx context.Context, list string, lines ...Line) (Proposal, error) {
	return s.SetPrices(ctx, PricesInput{By: by("ada"), List: list, Lines: numbered(lines...)})
}

// periods are the prices of a SKU in a list, as "1: 900 [+0h, +2h)", hours after the opening;
// those that were withdrawn are left out.
func (s *shop) periods(t testing.TB, list, sku string) []string {
	t.Helper()
	var all []string
	for _, e := range testkit.Must(s.Entries(t.Context(), EntryFilter{List: list, SKU: sku,
		PageFilter: database.PageFilter[EntryPosition]{Limit: 1000}}))(t).Items {
		if e.withdrawn() {
			continue
		}
		end := "…"
		if !e.Period.To.IsZero() {
			end = fmt.Sprintf("%+gh", e.Period.To.Sub(opening).Hours())
		}
		all = append(all, fmt.Sprintf("%d: %d [%+gh, %s)", e.MinQuantity, e.AmountMinor, e.Period.From.Sub(opening).Hours(), end))
	}
	return all
}

// unit is what a unit costs at a moment in a market's currency, by the database; -1 for nothing.
func (s *shop) unit(t testing.TB, sku string, quantity int64, at time.Time) int64 {
	t.Helper()
	return s.unitFor(t, sku, quantity, "eu", "EUR", "", at)
}

func (s *shop) unitFor(t testing.TB, sku string, quantity int64, market string, c money.Currency, group string, at time.Time) int64 {
	t.Helper()
	var rows pricing.RuleRows
	articles := make(map[string]*pricing.PricedSKU)
	testkit.NoError(t, s.DB.Read(t.Context(), func(b *database.Batch) error {
		pricing.QueueRules(b, at, &rows)
		pricing.QueuePricedSKUs(b, []string{sku}, at, articles)
		return nil
	}))
	rules := pricing.NewRules(rows)
	ask := pricing.Ask{Market: testkit.Must(rules.Market(market, at))(t), Currency: c, Group: group, At: at}
	unit, err := rules.Unit(articles[sku], ask, quantity)
	if errors.As(err, new(*pricing.NoPriceError)) {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	return unit.AmountMinor
}

// wantFaults fails the test unless err names exactly these fields.
func wantFaults(t testing.TB, err error, fields ...string) {
	t.Helper()
	var invalid *invalid.Error
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v, want faults of %v", err, fields)
	}
	var got []string
	for _, field := range invalid.Fields {
		got = append(got, field.Name)
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
	}
}

// image is the content of every table that finance writes, each row as JSON.
func (s *shop) image(t testing.TB) map[string][]string {
	t.Helper()
	image := make(map[string][]string)
	for _, table := range []string{"pricing_state", "price_changes", "price_change_lines", "price_lists", "price_entries", "markets",
		"rounding_rules", "tax_rates", "promotions", "accounts", "products"} {
		image[table] = testkit.Must(database.List(t.Context(), s.DB, pgx.RowTo[string],
			`SELECT to_jsonb(r)::text FROM `+table+` r ORDER BY 1`))(t)
	}
	return image
}

// wantUnchanged fails the test where the tables are not as they were.
func (s *shop) wantUnchanged(t testing.TB, before map[string][]string) {
	t.Helper()
	if diff := cmp.Diff(before, s.image(t)); diff != "" {
		t.Errorf("the tables changed (-before +after):\n%s", diff)
	}
}
