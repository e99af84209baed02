package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
)

// priceShop is an orderShop with prices of every kind: exchange rates of USD, SEK, JPY and GBP (which is ten days old);
// mugs at 10.00 EUR, and 9.00 EUR from ten units on, for the customer group b2b, which ada is in; books that cost
// 19.00 EUR, then 17.00, then 20.00, and are on sale at 15.00 EUR since an hour ago, and at 14.00 EUR in an hour's time;
// 10 % off everything with the coupon SPRING10, and 20 % off five posters or more for anybody.
type priceShop struct {
	*orderShop
	prices *pricing.Pricer
	// remembering is a server of eu-west that answers out of memory, as a pod does.
	remembering http.Handler
}

func newPriceShop(t testing.TB) *priceShop {
	t.Helper()
	s := &priceShop{orderShop: newOrderShop(t)}
	testkit.NoError(s.t, s.db.Write(t.Context(), s.queuePrices))
	s.prices = testPrices(t, pricing.Config{DB: s.db, Now: s.clock.Now})
	deps := s.europe.Deps
	carts := s.europe.Carts.Config
	carts.Prices = s.prices
	server := newTestServer(t, func(d *Deps, _ *Config) {
		*d = deps
		d.Prices, d.Carts = s.prices, cart.New(carts)
	})
	s.remembering = validated(t, server.Handler())
	return s
}

func (s *priceShop) queuePrices(b *database.Batch) error {
	now := s.clock.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	for _, rate := range []struct{ currency, rate, day string }{
		{"USD", "1.25", ago(day).Format(time.DateOnly)}, {"SEK", "11", ago(day).Format(time.DateOnly)},
		{"JPY", "160.55", ago(day).Format(time.DateOnly)}, {"GBP", "0.8", ago(10 * day).Format(time.DateOnly)},
	} {
		b.Queue(`
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from)
VALUES ($1, 'ecb', $2, $3, 'in_force', $4)`, rate.currency, rate.day, rate.rate, ago(100*day))
	}
	b.Queue(`
INSERT INTO price_lists (code, title, kind, currency, customer_group, valid_from)
VALUES ('b2b', 'Businesses', 'regular', 'EUR', 'b2b', $1), ('sale', 'Sale', 'sale', 'EUR', '', $1), ('cost', 'Cost', 'cost', 'EUR', '', $1)`,
		ago(100*day))
	b.Queue(`
UPDATE price_entries
SET valid_from = CASE sku WHEN 'BOOK' THEN $1::timestamptz ELSE $2::timestamptz END, changed_at = now()`, ago(10*day), ago(40*day))
	for _, e := range []struct {
		sku, list            string
		minQuantity, amount  int64
		began, ended, begins time.Duration
	}{
		{sku: "BOOK", list: "catalogue-EUR", minQuantity: 1, amount: 1900, began: 40 * day, ended: 20 * day},
		{sku: "BOOK", list: "catalogue-EUR", minQuantity: 1, amount: 1700, began: 20 * day, ended: 10 * day},
		{sku: "BOOK", list: "sale", minQuantity: 1, amount: 1500, began: time.Hour, begins: time.Hour},
		{sku: "MUG", list: "b2b", minQuantity: 1, amount: 1000, began: 40 * day},
		{sku: "MUG", list: "b2b", minQuantity: 10, amount: 900, began: 40 * day},
		{sku: "MUG", list: "cost", minQuantity: 1, amount: 1, began: 40 * day},
	} {
		var ends *time.Time
		if e.ended != 0 || e.begins != 0 {
			ends = ptr(now.Add(e.begins - e.ended))
		}
		queueEntry(b, e.sku, e.list, e.minQuantity, e.amount, ago(e.began), ends)
	}
	queueEntry(b, "BOOK", "sale", 1, 1400, now.Add(time.Hour), nil)
	b.Queue(`UPDATE accounts SET customer_group = 'b2b' WHERE region = $1 AND id = $2`, s.ada.Ref.Region, s.ada.Ref.ID)
	changes.QueueRulesChanged(b)
	for _, p := range []promotion.Promotion{
		{ID: "spring", Title: `10 % off in "spring"`, Coupon: "SPRING10", Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: 1000}},
		{ID: "posters", Title: "Many posters", Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: 2000,
			Conditions: promotion.Conditions{SKUs: []string{"POSTER"}, MinQuantity: 5}}},
	} {
		if err := promotion.QueuePut(b, p, uuid.New(), ago(100*day)); err != nil {
			return err
		}
	}
	return nil
}

func queueEntry(b *database.Batch, sku, list string, minQuantity, amount int64, from time.Time, to *time.Time) {
	b.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, amount_minor, valid_from, valid_to)
VALUES ($1, $2, $3, $4, $5, $6)`, sku, list, minQuantity, amount, from, to)
}

// price asks for a price as the bearer of a token, "" for a guest.
func (s *priceShop) price(token, path string, headers ...string) *httptest.ResponseRecorder {
	return ask(s.remembering, "GET", "/v1/prices/"+path, "", append(bearerOf(token), headers...)...)
}

// quote asks for quotes.
func (s *priceShop) quote(token, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(s.remembering, "POST", "/v1/prices:quote", body, append(bearerOf(token), headers...)...)
}

func bearerOf(token string) []string {
	if token == "" {
		return nil
	}
	return []string{"Authorization", "Bearer " + token}
}

// quotesAnswer is the answer with quotes as a client reads it.
type quotesAnswer struct {
	Quotes []quoteAnswer `json:"quotes"`
}

type quoteAnswer struct {
	Currency         money.Currency          `json:"currency"`
	Market           string                  `json:"market"`
	Country          string                  `json:"country"`
	State            string                  `json:"state"`
	Group            string                  `json:"customer_group"`
	At               time.Time               `json:"as_of"`
	Quote            string                  `json:"quote_id"`
	ExpiresAt        time.Time               `json:"expires_at"`
	PricesIncludeTax bool                    `json:"prices_include_tax"`
	Multiplier       money.Decimal           `json:"multiplier"`
	SubtotalMinor    int64                   `json:"subtotal_minor"`
	DiscountMinor    int64                   `json:"discount_minor"`
	TaxMinor         int64                   `json:"tax_minor"`
	TotalMinor       int64                   `json:"total_minor"`
	Promotions       []pricing.PromotionStep `json:"promotions"`
	RefusedCoupons   []couponResponse        `json:"refused_coupons"`
	Lines            []quoteLineAnswer       `json:"lines"`
	Unpriced         []struct {
		SKU         string `json:"sku"`
		Reason      string `json:"reason"`
		MissingRate string `json:"missing_rate"`
	} `json:"unpriced"`
	Lists []struct {
		List     string         `json:"list"`
		Currency money.Currency `json:"currency"`
	} `json:"lists"`
	Rates     []pricing.RateStep     `json:"rates"`
	Roundings []pricing.RoundingStep `json:"roundings"`
	Taxes     []pricing.TaxStep      `json:"taxes"`
}

type quoteLineAnswer struct {
	SKU            string           `json:"sku"`
	Quantity       int64            `json:"quantity"`
	UnitPriceMinor int64            `json:"unit_price_minor"`
	SubtotalMinor  int64            `json:"subtotal_minor"`
	DiscountMinor  int64            `json:"discount_minor"`
	TaxMinor       int64            `json:"tax_minor"`
	TotalMinor     int64            `json:"total_minor"`
	Price          quoteStepsAnswer `json:"price"`
	Tax            *int             `json:"tax"`
	Promotions     []struct {
		Promotion int   `json:"promotion"`
		Minor     int64 `json:"discount_minor"`
	} `json:"promotions"`
}

type quoteEntryAnswer struct {
	List        int       `json:"list"`
	MinQuantity int64     `json:"min_quantity"`
	AmountMinor int64     `json:"amount_minor"`
	ValidFrom   time.Time `json:"valid_from"`
}

type quoteStepsAnswer struct {
	Source     string            `json:"source"`
	List       *quoteEntryAnswer `json:"list"`
	Conversion *struct {
		Base     quoteEntryAnswer `json:"base"`
		From     int              `json:"from"`
		To       int              `json:"to"`
		Rounding int              `json:"rounding"`
	} `json:"conversion"`
	RegularMinor *int64            `json:"regular_minor"`
	Regular      *quoteStepsAnswer `json:"regular"`
	LowestMinor  *int64            `json:"lowest_30_days_minor"`
}

// derivation is that of a line, put together again from what the quote's lines share.
func (q *quoteAnswer) derivation(l quoteLineAnswer) pricing.Derivation {
	d := pricing.Derivation{
		At: q.At, Market: q.Market, Group: q.Group, Currency: q.Currency, Quantity: l.Quantity, UnitPriceMinor: l.UnitPriceMinor,
		Price: q.steps(l.Price), SubtotalMinor: l.SubtotalMinor, DiscountMinor: l.DiscountMinor, TaxMinor: l.TaxMinor, TotalMinor: l.TotalMinor,
	}
	if l.Tax != nil {
		d.Tax = q.Taxes[*l.Tax]
	}
	d.Tax.Included = q.PricesIncludeTax
	for _, off := range l.Promotions {
		step := q.Promotions[off.Promotion]
		step.Minor = off.Minor
		d.Promotions = append(d.Promotions, step)
	}
	return d
}

func (q *quoteAnswer) steps(s quoteStepsAnswer) pricing.PriceSteps {
	steps := pricing.PriceSteps{Source: s.Source, RegularMinor: s.RegularMinor, LowestMinor: s.LowestMinor}
	if s.List != nil {
		steps.List = ptr(q.entry(*s.List))
	}
	if c := s.Conversion; c != nil {
		steps.Conversion = &pricing.ConversionStep{
			Base: q.entry(c.Base), From: q.Rates[c.From], To: q.Rates[c.To], Multiplier: q.Multiplier, Rounding: q.Roundings[c.Rounding],
		}
	}
	if s.Regular != nil {
		steps.Regular = ptr(q.steps(*s.Regular))
	}
	return steps
}

func (q *quoteAnswer) entry(e quoteEntryAnswer) pricing.ListStep {
	return pricing.ListStep{
		List: q.Lists[e.List].List, Currency: q.Lists[e.List].Currency, MinQuantity: e.MinQuantity, AmountMinor: e.AmountMinor, ValidFrom: e.ValidFrom,
	}
}

// check works every line out again, and adds the lines up.
func (q *quoteAnswer) check() error {
	var subtotal, discount, tax, total int64
	for _, l := range q.Lines {
		if err := q.derivation(l).Check(); err != nil {
			return fmt.Errorf("%s in %s: %w", l.SKU, q.Currency, err)
		}
		subtotal, discount, tax, total = subtotal+l.SubtotalMinor, discount+l.DiscountMinor, tax+l.TaxMinor, total+l.TotalMinor
	}
	if got := [...]int64{subtotal, discount, tax, total}; got != [...]int64{q.SubtotalMinor, q.DiscountMinor, q.TaxMinor, q.TotalMinor} {
		return fmt.Errorf("the lines come to subtotal, discount, tax, total %v, and the quote says %+v", got, q)
	}
	return nil
}
