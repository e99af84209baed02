package api

import (
	"net/http"
	"testing"

	"meridian/internal/money"
	"meridian/internal/testkit/databasetest"
)

// TestMarketCurrency: every answer with prices in another currency than the market's says what the market is paid in, and
// none else does.
func TestMarketCurrency(t *testing.T) {
	type tag struct {
		MarketCurrency money.Currency `json:"market_currency"`
	}
	of := func(p *priceTag) money.Currency {
		if p == nil {
			return "no price"
		}
		return p.MarketCurrency
	}
	db := databasetest.New(t)
	m := newMarketOn(t, db)
	m.server.Search = plainSearch(t, db, m.catalog)
	mug, _ := m.create(t, mugBody)
	product := func(query string) money.Currency {
		return of(wantAnswer[productResponse](t, ask(m, "GET", "/v1/products/"+mug.ID+query, "")).SKUs[0].Price)
	}
	listing := func(query string) money.Currency {
		return of(wantAnswer[productsResponse](t, ask(m, "GET", "/v1/products"+query, "")).Products[0].SKUs[0].Price)
	}
	found := func(query string) money.Currency {
		answer := wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search"+query+"&q=mug", ""))
		if len(answer.Hits) != 1 || of(answer.Hits[0].Price) != answer.MarketCurrency {
			t.Errorf("%s: the answer says %q, its hits %+v", query, answer.MarketCurrency, answer.Hits)
		}
		return answer.MarketCurrency
	}
	s := newPriceShop(t)
	price := func(query string) money.Currency {
		return wantJSON[tag](t, s.price("", "MUG"+query), http.StatusOK).MarketCurrency
	}
	quote := func(body string) func(string) money.Currency {
		return func(string) money.Currency {
			answer := wantJSON[struct{ Quotes []tag }](t, s.quote("", body), http.StatusOK)
			return answer.Quotes[0].MarketCurrency
		}
	}
	const lines = `,"lines":[{"sku":"MUG","quantity":1}]}`
	for _, test := range []struct {
		name, query string
		of          func(string) money.Currency
		want        money.Currency
	}{
		{"a product, abroad", "?market=us&currency=GBP", product, "USD"},
		{"a product, at home", "?market=uk", product, ""},
		{"a product, the same currency", "?market=uk&currency=GBP", product, ""},
		{"a listing, abroad", "?market=us&currency=GBP", listing, "USD"},
		{"a listing, at home", "?market=uk", listing, ""},
		{"a search, abroad", "?market=us&currency=GBP", found, "USD"},
		{"a search, at home", "?market=uk&currency=GBP", found, ""},
		{"a price, abroad", "?market=us&currency=EUR&country=US", price, "USD"},
		{"a price of a country that pays in another currency", "?country=SE&currency=SEK", price, "EUR"},
		{"a price, at home", "?country=DE", price, ""},
		{"a quote, abroad", "", quote(`{"country":"US","currencies":["EUR"]` + lines), "USD"},
		{"a quote, at home", "", quote(`{"country":"US"` + lines), ""},
	} {
		if got := test.of(test.query); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
