package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/testkit"
)

// benchCurrencies are what the goods are priced in; all but EUR and USD are converted.
var benchCurrencies = []money.Currency{"EUR", "USD", "GBP", "JPY", "SEK", "CHF", "AUD", "CAD"}

// newBenchShop is a server that has a thousand SKUs in memory, and a body that asks for all of them.
func newBenchShop(b *testing.B) (*Server, *pricing.Pricer, []string, string) {
	s := newPriceShop(b)
	testkit.NoError(s.t, s.db.Write(b.Context(), func(batch *database.Batch) error {
		batch.Queue(`
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from)
SELECT c, 'ecb', '2026-01-01', '1.5', 'in_force', TIMESTAMPTZ '2020-01-01 00:00:00+00'
FROM unnest(ARRAY['CHF', 'AUD', 'CAD']) AS c`)
		batch.Queue(`
INSERT INTO skus (sku, product_id, base_currency)
SELECT 'S' || i, p.id, 'EUR'
FROM generate_series(1, 1000) AS i, products p
WHERE p.title = 'MUG'`)
		batch.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT 'S' || i, 'catalogue-' || c, 1, TIMESTAMPTZ '2020-01-01 00:00:00+00', 1000 + i
FROM generate_series(1, 1000) AS i, unnest(ARRAY['EUR', 'USD']) AS c`)
		changes.QueueRulesChanged(batch)
		return nil
	}))
	testkit.NoError(s.t, s.prices.PollOnce(b.Context()))
	carts := s.europe.Carts.Config
	carts.Prices = s.prices
	server := newTestServer(b, func(d *Deps, c *Config) {
		*d = s.europe.Deps
		d.Prices, d.Carts = s.prices, cart.New(carts)
		c.Debug = false
	})
	var skus, lines, currencies []string
	for i := range 1000 {
		skus = append(skus, fmt.Sprint("S", i+1))
		lines = append(lines, fmt.Sprintf(`{"sku":"S%d","quantity":%d}`, i+1, i%7+1))
	}
	for _, c := range benchCurrencies {
		currencies = append(currencies, `"`+string(c)+`"`)
	}
	return server, s.prices, skus, `{"country":"IE","currencies":[` + strings.Join(currencies, ",") + `],"lines":[` + strings.Join(lines,
		",") + `]}`
}

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }

// BenchmarkQuotePrices prices a thousand lines in eight currencies through the API's handler.
func BenchmarkQuotePrices(b *testing.B) {
	server, _, skus, body := newBenchShop(b)
	handler := server.Handler()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/prices:quote", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := &discarded{header: make(http.Header)}
		if handler.ServeHTTP(w, r); w.status != http.StatusOK {
			b.Fatalf("answered %d", w.status)
		}
	}
	b.ReportMetric(float64(b.N*len(skus)*len(benchCurrencies))/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkQuotePrices_Limit is the same arithmetic alone.
func BenchmarkQuotePrices_Limit(b *testing.B) {
	_, prices, skus, _ := newBenchShop(b)
	at := prices.Moment()
	snapshot := testkit.Must(prices.Lookup(b.Context(), skus, at))(b)
	market := testkit.Must(snapshot.Rules.MarketOf("IE", at))(b)
	items := make([]pricing.Item, len(skus))
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range benchCurrencies {
			ask := pricing.Ask{Market: market, Currency: c, At: at}
			for i, sku := range skus {
				article, quantity := snapshot.SKUs[sku], int64(i%7+1)
				unit := testkit.Must(snapshot.Rules.Unit(article, ask, quantity))(b)
				items[i] = pricing.Item{Priced: article, Quantity: quantity, Unit: unit}
			}
			testkit.Must(snapshot.Rules.Quote(pricing.QuoteInput{Dest: pricing.Destination{Country: "IE"}, Ask: ask, Items: items}))(b)
		}
	}
	b.ReportMetric(float64(b.N*len(skus)*len(benchCurrencies))/b.Elapsed().Seconds(), "lines/s")
}
