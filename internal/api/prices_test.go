package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/testkit"
)

// TestGetPrice: a list before the rate, the group before everybody, the moment that was asked about.
func TestGetPrice(t *testing.T) {
	s := newPriceShop(t)
	type price struct {
		Market, Currency, Formatted, Source  string
		Unit, Subtotal, Discount, Tax, Total int64
		Regular, Lowest                      int64
		Group                                string
		Stale, Quoted                        bool
	}
	earlier := func(d time.Duration) string { return url.QueryEscape(s.clock.Now().Add(-d).Format(time.RFC3339Nano)) }
	const day = 24 * time.Hour
	tests := []struct {
		name, token, path string
		headers           []string
		want              price
	}{
		{name: "of the catalogue, for the edge's country", path: "MUG", headers: []string{countryHeader, "DE"},
			want: price{Market: "eu", Currency: "EUR", Formatted: "€12.50", Source: "list", Unit: 1250, Subtotal: 1250, Tax: 200, Total: 1250,
				Quoted: true}},
		{name: "in German", path: "MUG", headers: []string{countryHeader, "DE", "Accept-Language", "de-AT, en;q=0.5"},
			want: price{Market: "eu", Currency: "EUR", Formatted: "12,50\u00a0€", Source: "list", Unit: 1250, Subtotal: 1250, Tax: 200,
				Total: 1250, Quoted: true}},
		{name: "several units", path: "MUG?quantity=3&country=IE",
			want: price{Market: "eu", Currency: "EUR", Formatted: "€12.50", Source: "list", Unit: 1250, Subtotal: 3750, Tax: 701, Total: 3750,
				Quoted: true}},
		{name: "where tax is added", path: "MUG?country=US&state=us-tx",
			want: price{Market: "us", Currency: "USD", Formatted: "$15.00", Source: "list", Unit: 1500, Subtotal: 1500, Tax: 94, Total: 1594,
				Quoted: true}},
		{name: "converted, at an old rate", path: "MUG?country=IE&currency=GBP",
			want: price{Market: "eu", Currency: "GBP", Formatted: "£10.00", Source: "converted", Unit: 1000, Subtotal: 1000, Tax: 187, Total: 1000,
				Stale: true, Quoted: true}},
		{name: "a market's currency", path: "MUG?market=uk&country=IE",
			want: price{Market: "uk", Currency: "GBP", Formatted: "£10.00", Source: "converted", Unit: 1000, Subtotal: 1000, Tax: 187, Total: 1000,
				Stale: true, Quoted: true}},
		{name: "without decimals", path: "MUG?country=JP",
			want: price{Market: "jp", Currency: "JPY", Formatted: "¥2,007", Source: "converted", Unit: 2007, Subtotal: 2007, Tax: 182, Total: 2007,
				Quoted: true}},
		{name: "by way of the euro", path: "POSTER?country=US",
			want: price{Market: "us", Currency: "USD", Formatted: "$11.25", Source: "converted", Unit: 1125, Subtotal: 1125, Total: 1125,
				Quoted: true}},
		{name: "a promotion that applies by itself", path: "POSTER?country=US&quantity=5",
			want: price{Market: "us", Currency: "USD", Formatted: "$11.25", Source: "converted", Unit: 1125, Subtotal: 5625, Discount: 1125,
				Total: 4500, Quoted: true}},
		{name: "on sale", path: "BOOK?country=IE",
			want: price{Market: "eu", Currency: "EUR", Formatted: "€15.00", Source: "sale", Unit: 1500, Subtotal: 1500, Tax: 280, Total: 1500,
				Regular: 2000, Lowest: 1700, Quoted: true}},
		{name: "a customer's group", token: "ada", path: "MUG?country=IE",
			want: price{Market: "eu", Currency: "EUR", Formatted: "€10.00", Source: "list", Unit: 1000, Subtotal: 1000, Tax: 187, Total: 1000,
				Group: "b2b", Quoted: true}},
		{name: "many units for the group", token: "ada", path: "MUG?country=IE&quantity=10",
			want: price{Market: "eu", Currency: "EUR", Formatted: "€9.00", Source: "list", Unit: 900, Subtotal: 9000, Tax: 1683, Total: 9000,
				Group: "b2b", Quoted: true}},
		{name: "a customer in no group", token: "ben", path: "MUG?country=IE",
			want: price{Market: "eu", Currency: "EUR", Formatted: "€12.50", Source: "list", Unit: 1250, Subtotal: 1250, Tax: 234, Total: 1250,
				Quoted: true}},
		{name: "a group that an operator names", token: "operator", path: "MUG?country=IE&customer_group=b2b",
			want: price{Market: "eu", Currency: "EUR", Formatted: "€10.00", Source: "list", Unit: 1000, Subtotal: 1000, Tax: 187, Total: 1000,
				Group: "b2b", Quoted: true}},
		{name: "before the sale", path: "BOOK?country=IE&as_of=" + earlier(2*time.Hour),
			want: price{Market: "eu", Currency: "EUR", Formatted: "€20.00", Source: "list", Unit: 2000, Subtotal: 2000, Tax: 374, Total: 2000}},
		{name: "15 days ago", path: "BOOK?country=IE&as_of=" + earlier(15*day),
			want: price{Market: "eu", Currency: "EUR", Formatted: "€17.00", Source: "list", Unit: 1700, Subtotal: 1700, Tax: 318, Total: 1700}},
		{name: "longer ago than memory reaches", path: "BOOK?country=IE&as_of=" + earlier(35*day),
			want: price{Market: "eu", Currency: "EUR", Formatted: "€19.00", Source: "list", Unit: 1900, Subtotal: 1900, Tax: 355, Total: 1900}},
		{name: "to come, for staff", token: "operator", path: "BOOK?country=IE&as_of=" + earlier(-2*time.Hour),
			want: price{Market: "eu", Currency: "EUR", Formatted: "€14.00", Source: "sale", Unit: 1400, Subtotal: 1400, Tax: 262, Total: 1400,
				Regular: 2000, Lowest: 1500}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := s.price(test.token, test.path, test.headers...)
			answer := wantJSON[priceResponse](t, w, http.StatusOK)
			d := answer.Derivation
			got := price{
				Market: answer.Market, Currency: string(answer.Currency), Formatted: answer.Formatted, Source: d.Price.Source, Unit: answer.UnitPriceMinor,
				Subtotal: answer.SubtotalMinor, Discount: answer.DiscountMinor, Tax: answer.TaxMinor, Total: answer.TotalMinor, Group: d.Group, Quoted: answer.Quote != "",
			}
			if answer.RegularMinor != nil {
				got.Regular = *answer.RegularMinor
			}
			if answer.LowestMinor != nil {
				got.Lowest = *answer.LowestMinor
			}
			if c := d.Price.Conversion; c != nil {
				got.Stale = c.From.Stale || c.To.Stale
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("price (-want +got):\n%s\n%s", diff, w.Body)
			}
			if err := d.Check(); err != nil {
				t.Error(err)
			}
			if strings.Contains(w.Body.String(), "cost") {
				t.Errorf("the answer tells what goods cost the shop: %s", w.Body)
			}
		})
	}
}

// TestGetPrice_Refused holds refusals to their codes and the fields that they name.
func TestGetPrice_Refused(t *testing.T) {
	s := newPriceShop(t)
	future := url.QueryEscape(s.clock.Now().Add(time.Second).Format(time.RFC3339Nano))
	for _, test := range []struct {
		name, token, path string
		status            int
		code, field       string
		extra             map[string]any
	}{
		{"an unknown currency", "", "MUG?currency=EUX", 400, "bad_request", "currency", nil},
		{"a currency in lower case", "", "MUG?currency=eur", 400, "bad_request", "currency", nil},
		{"a negative quantity", "", "MUG?quantity=-1", 400, "bad_request", "quantity", nil},
		{"no units", "", "MUG?quantity=0", 400, "bad_request", "quantity", nil},
		{"too many units", "", "MUG?quantity=10001", 400, "bad_request", "quantity", nil},
		{"half a unit", "", "MUG?quantity=0.5", 400, "bad_request", "quantity", nil},
		{"a bad moment", "", "MUG?as_of=yesterday", 400, "bad_request", "as_of", nil},
		{"a day that there is not", "", "MUG?as_of=2025-02-30T00:00:00Z", 400, "bad_request", "as_of", nil},
		{"before all prices", "", "MUG?as_of=1969-12-31T23:59:59Z", 400, "bad_request", "as_of", nil},
		{"an unknown market", "", "MUG?market=moon", 400, "market_unknown", "market", nil},
		{"an unknown country", "", "MUG?country=QQ", 400, "bad_request", "country", nil},
		{"an unknown SKU", "", "NOTHING", 404, "not_found", "", nil},
		{"no rate", "", "MUG?currency=KWD", 422, "no_price", "", map[string]any{"sku": "MUG", "currency": "KWD", "missing_rate": "KWD"}},
		{"before its first price", "", "MUG?country=IE&as_of=2001-01-01T00:00:00Z", 422, "no_price_before", "",
			map[string]any{"sku": "MUG", "first_price_at": s.clock.Now().UTC().Add(-40 * 24 * time.Hour).Truncate(time.Microsecond).Format(time.RFC3339Nano)}},
		{"a moment to come, for a guest", "", "BOOK?as_of=" + future, 401, "unauthenticated", "", nil},
		{"a moment to come, for a customer", "ada", "BOOK?as_of=" + future, 403, "forbidden", "", nil},
		{"a group, for a guest", "", "MUG?customer_group=b2b", 401, "unauthenticated", "", nil},
		{"a group, for a customer", "ben", "MUG?customer_group=b2b", 403, "forbidden", "", nil},
		{"a seller's moment to come", "seller", "BOOK?as_of=" + future, 403, "forbidden", "", nil},
		{"a bad token", "forged", "MUG", 401, "invalid_token", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.price(test.token, test.path)
			p := wantProblem(t, w, test.status, test.code)
			if test.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != test.field) {
				t.Errorf("fields %v, want %s", p.Errors, test.field)
			}
			var all map[string]any
			testkit.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &all))
			for name, want := range test.extra {
				if all[name] != want {
					t.Errorf("%s is %v, want %v", name, all[name], want)
				}
			}
		})
	}
}

// TestPrices_NotForSale: what is not sold is a secret to all but staff.
func TestPrices_NotForSale(t *testing.T) {
	s := newPriceShop(t)
	testkit.NoError(s.t, s.db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`UPDATE products SET status = 'draft', updated_at = now() WHERE title = 'MUG'`)
		return nil
	}))
	testkit.NoError(s.t, s.prices.PollOnce(t.Context()))
	const body = `{"country":"IE","lines":[{"sku":"BOOK","quantity":1},{"sku":"MUG","quantity":1}]}`
	for _, token := range []string{"", "ada", "seller"} {
		wantProblem(t, s.price(token, "MUG"), http.StatusNotFound, "not_found")
		p := wantProblem(t, s.quote(token, body), http.StatusUnprocessableEntity, "sku_unknown")
		if len(p.Errors) != 1 || p.Errors[0].Field != "lines[1].sku" {
			t.Errorf("fields %v, want lines[1].sku", p.Errors)
		}
	}
	if answer := wantJSON[priceResponse](t, s.price("operator", "MUG?country=IE"), http.StatusOK); answer.Quote != "" ||
		answer.UnitPriceMinor != 1250 {
		t.Errorf("an operator is answered %d and the quote %q of what cannot be ordered", answer.UnitPriceMinor, answer.Quote)
	}
	if answer := wantJSON[quotesAnswer](t, s.quote("operator", body), http.StatusOK); answer.Quotes[0].Quote != "" {
		t.Error("an operator gets a quote of what cannot be ordered")
	}
}

// TestPrices_RoundTrips: none for what is in memory, one for anything else.
func TestPrices_RoundTrips(t *testing.T) {
	s := newPriceShop(t)
	const body = `{"country":"IE","currencies":["EUR","USD"],"lines":[{"sku":"MUG","quantity":1},{"sku":"BOOK","quantity":1}]}`
	long := url.QueryEscape(s.clock.Now().Add(-35 * 24 * time.Hour).Format(time.RFC3339))
	wantTrips(t, s.price("", "MUG"), 1)
	wantTrips(t, s.price("", "MUG?country=US&quantity=7"), 0)
	wantTrips(t, s.quote("", body), 1)
	wantTrips(t, s.quote("", body), 0)
	wantTrips(t, s.price("ada", "MUG"), 1) // for the group
	wantTrips(t, s.quote("ada", body), 1)
	wantTrips(t, s.price("operator", "MUG?customer_group=b2b"), 0)
	wantTrips(t, s.price("", "BOOK?country=IE&as_of="+long), 1)
	wantTrips(t, s.price("", "NOTHING"), 1)
	if age := s.price("", "MUG").Header().Get("Age"); age != "0" {
		t.Errorf("Age %q on a clock that stands still", age)
	}
	t.Run("a look ahead is not remembered in place of the present", func(t *testing.T) {
		s.clock.Advance(time.Millisecond)
		ahead := url.QueryEscape(s.clock.Now().Add(365 * 24 * time.Hour).Format(time.RFC3339))
		wantJSON[priceResponse](t, s.price("operator", "POSTER?country=SE&currency=SEK&as_of="+ahead), http.StatusOK)
		wantJSON[priceResponse](t, s.price("", "POSTER?country=SE&currency=SEK"), http.StatusOK)
	})
}

func TestQuotePrices(t *testing.T) {
	s := newPriceShop(t)
	w := s.quote("", `{"country":"US","state":"TX","currencies":["USD","EUR","KWD"],"coupons":["spring10"," Nope "],
		"lines":[{"sku":"MUG","quantity":2},{"sku":"BOOK","quantity":1},{"sku":"POSTER","quantity":5}]}`)
	answer := wantJSON[quotesAnswer](t, w, http.StatusOK)
	if len(answer.Quotes) != 3 {
		t.Fatalf("%d quotes, want 3: %s", len(answer.Quotes), w.Body)
	}
	for _, q := range answer.Quotes {
		if err := q.check(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]couponResponse{{Code: "NOPE", Refused: "unknown"}}, q.RefusedCoupons); q.Currency != "KWD" && diff != "" {
			t.Errorf("refused coupons in %s (-want +got):\n%s", q.Currency, diff)
		}
		if q.Country != "US" || q.State != "TX" || q.Market != "us" || q.PricesIncludeTax || !q.At.Equal(s.clock.Now()) {
			t.Errorf("%s: %+v", q.Currency, q)
		}
	}
	usd, eur, kwd := answer.Quotes[0], answer.Quotes[1], answer.Quotes[2]
	// 2 × 15.00 and 25.00 for the book at the rate, less 10 %; five posters at 11.25, less 20 %, then 10 %.
	if got, want := []int64{usd.SubtotalMinor, usd.DiscountMinor}, []int64{3000 + 2500 + 5625, 300 + 250 + 1125 + 450}; !cmp.Equal(got, want) {
		t.Errorf("subtotal and discount in USD are %v, want %v", got, want)
	}
	if usd.Quote == "" || eur.Quote == "" || usd.Quote == eur.Quote || usd.ExpiresAt.Sub(usd.At) != s.prices.QuoteLife {
		t.Errorf("quotes %q and %q, until %s", usd.Quote, eur.Quote, usd.ExpiresAt)
	}
	if book := eur.Lines[1].Price; book.Source != "sale" || *book.RegularMinor != 2000 || *book.LowestMinor != 1700 ||
		book.Regular.Source != "list" {
		t.Errorf("the book on sale: %+v", book)
	}
	if len(kwd.Lines) != 0 || len(kwd.Unpriced) != 3 || kwd.Unpriced[0].MissingRate != "KWD" || kwd.Unpriced[0].Reason == "" ||
		kwd.Quote != "" || kwd.TotalMinor != 0 {
		t.Errorf("without a rate: %+v", kwd)
	}
	if len(usd.Rates) != 3 || len(usd.Taxes) != 1 || len(usd.Lists) != 3 {
		t.Errorf("the lines share %d rates, %d taxes and %d lists, want 3, 1 and 3", len(usd.Rates), len(usd.Taxes), len(usd.Lists))
	}

	t.Run("the market's own currency", func(t *testing.T) {
		answer := wantJSON[quotesAnswer](t, s.quote("", `{"market":"jp","country":"JP","lines":[{"sku":"MUG","quantity":1}]}`), http.StatusOK)
		if len(answer.Quotes) != 1 || answer.Quotes[0].Currency != "JPY" {
			t.Errorf("answered %+v", answer)
		}
	})
	t.Run("as of", func(t *testing.T) {
		body := fmt.Sprintf(`{"country":"IE","as_of":%q,"lines":[{"sku":"BOOK","quantity":1}]}`,
			s.clock.Now().Add(-15*24*time.Hour).Format(time.RFC3339))
		answer := wantJSON[quotesAnswer](t, s.quote("", body), http.StatusOK)
		if q := answer.Quotes[0]; q.TotalMinor != 1700 || q.Quote != "" {
			t.Errorf("15 days ago it costs %d, and checkout is promised %q", q.TotalMinor, q.Quote)
		}
	})
}

func TestQuotePrices_Refused(t *testing.T) {
	s := newPriceShop(t)
	var many, currencies []string
	for i := range maxQuoteLines + 1 {
		many = append(many, fmt.Sprintf(`{"sku":"S%d","quantity":1}`, i))
	}
	for _, code := range strings.Fields("AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND") {
		currencies = append(currencies, `"`+code+`"`)
	}
	const line = `{"sku":"MUG","quantity":1}`
	for _, test := range []struct {
		name, token, body string
		status            int
		code              string
		fields            []string
	}{
		{"nothing", "", `{}`, 400, "bad_request", []string{"lines"}},
		{"no lines", "", `{"lines":[]}`, 400, "bad_request", []string{"lines"}},
		{"too many lines", "", `{"lines":[` + strings.Join(many, ",") + `]}`, 400, "bad_request", []string{"lines"}},
		{"a SKU twice", "", `{"lines":[` + line + `,{"sku":"BOOK","quantity":1},` + line + `,` + line + `]}`, 400, "bad_request",
			[]string{"lines[2].sku", "lines[3].sku"}},
		{"bad lines", "", `{"lines":[{"sku":"","quantity":1},{"sku":"MUG","quantity":-1},{"sku":"BOOK","quantity":10001}]}`, 400, "bad_request",
			[]string{"lines[0].sku", "lines[1].quantity", "lines[2].quantity"}},
		{"unknown SKUs", "", `{"lines":[{"sku":"A","quantity":1},` + line + `,{"sku":"B","quantity":1}]}`, 422, "sku_unknown",
			[]string{"lines[0].sku", "lines[2].sku"}},
		{"no currencies", "", `{"currencies":[],"lines":[` + line + `]}`, 400, "bad_request", []string{"currencies"}},
		{"too many currencies", "", `{"currencies":[` + strings.Join(currencies, ",") + `],"lines":[` + line + `]}`, 400, "bad_request",
			[]string{"currencies"}},
		{"bad currencies", "", `{"currencies":["EUR","eur","EUR"],"lines":[` + line + `]}`, 400, "bad_request",
			[]string{"currencies[1]", "currencies[2]"}},
		{"bad coupons", "", `{"coupons":["` + strings.Repeat("x", 41) + `"],"lines":[` + line + `]}`, 400, "bad_request", []string{"coupons[0]"}},
		{"a bad moment", "", `{"as_of":"yesterday","lines":[` + line + `]}`, 400, "bad_request", []string{"as_of"}},
		{"before all prices", "", `{"as_of":"1900-01-01T00:00:00Z","lines":[` + line + `]}`, 400, "bad_request", []string{"as_of"}},
		{"an unknown country", "", `{"country":"QQ","lines":[` + line + `]}`, 400, "bad_request", []string{"country"}},
		{"an unknown market", "", `{"market":"moon","lines":[` + line + `]}`, 400, "market_unknown", []string{"market"}},
		{"an unknown member", "", `{"currency":"EUR","lines":[` + line + `]}`, 400, "bad_request", []string{"currency"}},
		{"a group, for a guest", "", `{"customer_group":"b2b","lines":[` + line + `]}`, 401, "unauthenticated", nil},
		{"a group, for a customer", "ada", `{"customer_group":"b2b","lines":[` + line + `]}`, 403, "forbidden", nil},
		{"a moment to come", "ada", `{"as_of":"9000-01-01T00:00:00Z","lines":[` + line + `]}`, 403, "forbidden", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var fields []string
			for _, f := range wantProblem(t, s.quote(test.token, test.body), test.status, test.code).Errors {
				fields = append(fields, f.Field)
			}
			if diff := cmp.Diff(test.fields, fields); diff != "" {
				t.Errorf("wrong fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPrices_Agree: a line of a quote has the price, and the derivation, that the SKU has alone, whoever asks of which
// moment; every line can be worked out again; and the lines come to the sums.
func TestPrices_Agree(t *testing.T) {
	s := newPriceShop(t)
	type wanted struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	}
	type request struct {
		Country    string   `json:"country"`
		State      string   `json:"state"`
		AsOf       *string  `json:"as_of,omitempty"`
		Currencies []string `json:"currencies"`
		Lines      []wanted `json:"lines"`
	}
	rapid.Check(t, func(rt *rapid.T) {
		token := rapid.SampledFrom([]string{"", "ada", "ben", "operator"}).Draw(rt, "token")
		place := rapid.SampledFrom([][2]string{{"IE", ""}, {"US", "TX"}, {"CH", ""}, {"JP", ""}, {"BR", ""}}).Draw(rt, "place")
		in := request{
			Country: place[0], State: place[1],
			Currencies: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"EUR", "USD", "GBP", "JPY", "SEK"}), 1, 3, rapid.ID).Draw(rt,
				"currencies"),
		}
		for _, sku := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"MUG", "BOOK", "POSTER"}), 1, 3, rapid.ID).Draw(rt, "SKUs") {
			in.Lines = append(in.Lines, wanted{sku, rapid.Int64Range(1, 12).Draw(rt, "quantity")})
		}
		asOf := ""
		if rapid.Bool().Draw(rt, "of another moment") {
			minutes := rapid.IntRange(0, 39*24*60).Draw(rt, "minutes ago")
			in.AsOf = ptr(s.clock.Now().Add(-time.Duration(minutes) * time.Minute).Format(time.RFC3339Nano))
			asOf = "&as_of=" + url.QueryEscape(*in.AsOf)
		}
		body := testkit.Must(json.Marshal(in))(rt)
		for i, q := range wantJSON[quotesAnswer](t, s.quote(token, string(body)), http.StatusOK).Quotes {
			testkit.NoError(rt, q.check())
			if len(q.Lines) != len(in.Lines) || len(q.Unpriced) > 0 {
				rt.Fatalf("%d lines in %s, and %v", len(q.Lines), in.Currencies[i], q.Unpriced)
			}
			for _, line := range q.Lines {
				w := s.price(token, fmt.Sprintf("%s?quantity=%d&currency=%s&country=%s&state=%s%s", line.SKU, line.Quantity, q.Currency, place[0],
					place[1], asOf))
				alone := wantJSON[priceResponse](t, w, http.StatusOK)
				if diff := cmp.Diff(alone.Derivation, q.derivation(line), cmpopts.EquateComparable(money.Decimal{})); diff != "" {
					rt.Fatalf("%s alone (-) and with others (+):\n%s", line.SKU, diff)
				}
			}
		}
	})
}
