package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
)

const twoMugs = `{"sku":"MUG","quantity":2}`

// quoteOf is the id of a quote in EUR for goods that go to Ireland, and what they cost.
func (s *priceShop) quoteOf(lines, coupons string) quoteAnswer {
	s.t.Helper()
	w := s.quote("", `{"country":"IE","currencies":["EUR"],"coupons":[`+coupons+`],"lines":[`+lines+`]}`)
	return wantJSON[quotesAnswer](s.t, w, http.StatusOK).Quotes[0]
}

// raise lets mugs cost 99.99 EUR from a minute on.
func (s *priceShop) raise() {
	s.t.Helper()
	testkit.NoError(s.t, s.db.Write(s.t.Context(), func(b *database.Batch) error {
		pricing.QueueSet(b, []pricing.Price{{SKU: "MUG", Currency: "EUR", AmountMinor: 9999}}, 0)
		return nil
	}))
	s.clock.Advance(time.Minute)
}

// TestQuote_Honoured: checkout keeps what a quote promised though the price has moved, and nothing else.
func TestQuote_Honoured(t *testing.T) {
	s := newPriceShop(t)
	quoted := s.quoteOf(twoMugs, `"spring10"`)
	alone := wantJSON[priceResponse](t, s.price("", "MUG?country=IE&quantity=2"), http.StatusOK)
	s.raise()
	order := func(lines, coupons, quote string) (cartResponse, func() (int, map[string]any)) {
		filled, guest := s.guest("").fill(lines)
		if coupons != "" {
			filled = wantCart(t, ask(s.api["eu-west"], "PATCH", "/v1/carts/"+filled.ID, `{"coupons":[`+coupons+`]}`,
				append(guest.headers, "Idempotency-Key", "coupons")...), http.StatusOK)
		}
		return filled, func() (int, map[string]any) {
			w := guest.post("/v1/orders", checkoutBody(filled.ID, "card_success", fmt.Sprintf(`,"quote_id":%q`, quote)))
			var answer map[string]any
			testkit.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer))
			return w.Code, answer
		}
	}
	refused := func(t *testing.T, lines, coupons, quote string, status int, code, reason string) map[string]any {
		t.Helper()
		_, place := order(lines, coupons, quote)
		got, answer := place()
		if told, _ := answer["reason"].(string); got != status || answer["code"] != code || !strings.Contains(told, reason) {
			t.Errorf("answered %d %v, want %d %s for %q", got, answer, status, code, reason)
		}
		return answer
	}

	shown, place := order(twoMugs, `"Spring10"`, quoted.Quote)
	if shown.Estimate.SubtotalMinor != 19998 {
		t.Fatalf("the cart shows %d: the price has not moved", shown.Estimate.SubtotalMinor)
	}
	_, placeAlone := order(twoMugs, "", alone.Quote)
	t.Run("goods with a coupon", func(t *testing.T) {
		status, answer := place()
		placed, _ := answer["order"].(map[string]any)
		if status != http.StatusCreated || placed["subtotal_minor"] != 2500.0 || placed["discount_minor"] != 250.0 {
			t.Fatalf("answered %d %v, want 2500 less 250", status, answer)
		}
		line := placed["lines"].([]any)[0].(map[string]any)
		if line["total_minor"] != float64(quoted.Lines[0].TotalMinor) ||
			line["derivation"].(map[string]any)["as_of"] != quoted.At.Format(time.RFC3339Nano) {
			t.Errorf("the line %v is not that of the quote at %s", line, quoted.At)
		}
	})
	t.Run("one SKU's price", func(t *testing.T) {
		status, answer := placeAlone()
		if placed, _ := answer["order"].(map[string]any); status != http.StatusCreated ||
			placed["subtotal_minor"] != float64(alone.SubtotalMinor) {
			t.Errorf("answered %d %v, want %d", status, answer, alone.SubtotalMinor)
		}
	})
	t.Run("other goods", func(t *testing.T) {
		answer := refused(t, `{"sku":"MUG","quantity":1}`, `"SPRING10"`, quoted.Quote, 409, "quote_refused", "other goods")
		if answer["actual_total_minor"].(float64) < 8999 || answer["currency"] != "EUR" {
			t.Errorf("the price of now is told as %v", answer)
		}
	})
	t.Run("without the coupon", func(t *testing.T) {
		refused(t, twoMugs, "", quoted.Quote, 409, "quote_refused", "coupons")
	})
	t.Run("tampered with", func(t *testing.T) {
		for _, id := range []string{quoted.Quote[:len(quoted.Quote)-1], quoted.Quote + "A", "quo_",
			strings.Replace(quoted.Quote, "quo_", "", 1)} {
			refused(t, twoMugs, `"SPRING10"`, id, 422, "quote_invalid", "")
		}
	})
	t.Run("expired", func(t *testing.T) {
		s.clock.Advance(s.prices.QuoteLife)
		refused(t, twoMugs, `"SPRING10"`, quoted.Quote, 409, "quote_refused", "expired")
	})
	s.audit()
}

// TestPrices_SameEverywhere: one price in the listing, on the product's page, from the price API, in the cart and on the
// order, with what is shown beside a sale.
func TestPrices_SameEverywhere(t *testing.T) {
	s := newPriceShop(t)
	here := []string{countryHeader, "IE"}
	want := priceTag{Market: "eu", Currency: "EUR", AmountMinor: 1500, Formatted: "€15.00", PricesIncludeTax: true,
		RegularMinor: ptr[int64](2000), LowestMinor: ptr[int64](1700)}

	var list productsResponse
	decodeAnswer(t, ask(s.remembering, "GET", "/v1/products", "", here...), &list)
	tags := make(map[string]priceTag)
	slug := ""
	for _, p := range list.Products {
		if tag := p.SKUs[0].Price; tag != nil {
			tags[p.Title] = *tag
		}
		if p.Title == "BOOK" {
			slug = p.Slug
		}
	}
	if diff := cmp.Diff(want, tags["BOOK"]); diff != "" {
		t.Errorf("in the listing (-want +got):\n%s", diff)
	}
	if poster := tags["POSTER"]; poster.AmountMinor != 900 || poster.Currency != "EUR" { // 99.00 SEK at 11
		t.Errorf("a converted price in the listing: %+v", poster)
	}
	var product productResponse
	decodeAnswer(t, ask(s.remembering, "GET", "/v1/products/"+slug, "", here...), &product)
	if diff := cmp.Diff(&want, product.SKUs[0].Price); diff != "" {
		t.Errorf("on its page (-want +got):\n%s", diff)
	}
	filled, guest := s.guest("").fill(`{"sku":"BOOK","quantity":1}`)
	line := filled.Lines[0]
	if *line.UnitPriceMinor != 1500 || *line.RegularMinor != 2000 || *line.LowestMinor != 1700 {
		t.Errorf("in the cart: %+v", line)
	}
	placed := wantPlaced(t, guest.post("/v1/orders", checkoutBody(filled.ID, "card_success")))
	if placed.Order.Lines[0].UnitPriceMinor != 1500 || placed.Order.Market != "eu" {
		t.Errorf("on the order: %+v", placed.Order.Lines[0])
	}
	t.Run("in other words for others", func(t *testing.T) {
		// The sale is in EUR: what is converted is the base price.
		for _, test := range []struct{ query, country, language, want string }{
			{"?country=US", "IE", "en-US", "$25.00"},
			{"?market=jp", "IE", "ja", "￥3,211"},
			{"?currency=GBP", "DE", "de", "16,00\u00a0£"},
			{"", "CH", "de-CH", ""}, // there is no rate: the book is not sold there
		} {
			w := ask(s.remembering, "GET", "/v1/products/"+slug+test.query, "", countryHeader, test.country, "Accept-Language", test.language)
			var product productResponse
			decodeAnswer(t, w, &product)
			formatted := ""
			if tag := product.SKUs[0].Price; tag != nil {
				formatted = tag.Formatted
			}
			if formatted != test.want {
				t.Errorf("%s in %s, in %s: %q, want %q", test.query, test.country, test.language, formatted, test.want)
			}
			if vary := strings.Join(w.Header().Values("Vary"), ", "); !strings.Contains(vary, "Accept-Language") ||
				strings.Contains(vary, countryHeader) != (test.query == "" || test.query == "?currency=GBP") {
				t.Errorf("%s: Vary %q", test.query, vary)
			}
		}
	})
}

// TestCart_Coupons: a shopper enters codes, sees what they give or why they give nothing, and takes them out.
func TestCart_Coupons(t *testing.T) {
	s := newPriceShop(t)
	filled, guest := s.guest("").fill(twoMugs + `,{"sku":"POSTER","quantity":5}`)
	keys := 0
	patch := func(body string) cartResponse {
		t.Helper()
		keys++
		w := ask(s.api["eu-west"], "PATCH", "/v1/carts/"+filled.ID, body, append(guest.headers, "Idempotency-Key", fmt.Sprint(keys))...)
		wantTrips(t, w, 1)
		return wantCart(t, w, http.StatusOK)
	}
	if filled.Coupons != nil || filled.Estimate.DiscountMinor != 900 { // posters at 9.00 EUR, five of them: 20 %
		t.Fatalf("before: coupons %v, discount %d", filled.Coupons, filled.Estimate.DiscountMinor)
	}
	entered := patch(`{"coupons":["spring10"," Nope","SPRING10"]}`)
	if diff := cmp.Diff([]couponResponse{{Code: "SPRING10"}, {Code: "NOPE", Refused: "unknown"}}, entered.Coupons); diff != "" {
		t.Errorf("coupons (-want +got):\n%s", diff)
	}
	if got := []int64{entered.Lines[0].DiscountMinor, entered.Lines[1].DiscountMinor, entered.Estimate.DiscountMinor}; !cmp.Equal(got,
		[]int64{250, 900 + 360, 1510}) {
		t.Errorf("discounts %v", got)
	}
	if e := entered.Estimate; e.TotalMinor != e.SubtotalMinor-e.DiscountMinor+e.ShippingMinor {
		t.Errorf("the estimate does not add up: %+v", e)
	}
	if kept := patch(`{"changes":[{"op":"remove","sku":"POSTER"}]}`); len(kept.Coupons) != 2 || kept.Estimate.DiscountMinor != 250 {
		t.Errorf("another change leaves the coupons: %+v", kept)
	}
	refused := guest.post("/v1/orders", checkoutBody(filled.ID, "card_success"))
	wantProblem(t, refused, http.StatusUnprocessableEntity, "coupon_refused")
	var problem struct{ Coupons []couponResponse }
	decodeAnswer(t, refused, &problem)
	if diff := cmp.Diff([]couponResponse{{Code: "NOPE", Refused: "unknown"}}, problem.Coupons); diff != "" {
		t.Errorf("refused coupons (-want +got):\n%s", diff)
	}
	if none := patch(`{"coupons":[]}`); none.Coupons != nil || none.Estimate.DiscountMinor != 0 {
		t.Errorf("without coupons: %+v", none)
	}
	w := ask(s.api["eu-west"], "PATCH", "/v1/carts/"+filled.ID, `{"coupons":[""]}`, append(guest.headers, "Idempotency-Key", "bad")...)
	if p := wantProblem(t, w, http.StatusBadRequest, "bad_request"); p.Errors[0].Field != "coupons[0]" {
		t.Errorf("fields %v, want coupons[0]", p.Errors)
	}
}
