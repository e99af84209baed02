package cart_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// reprice gives a SKU another price in euro, from now on.
func (s *shop) reprice(t testing.TB, sku string, minor int64) {
	t.Helper()
	s.queue(t, func(b *database.Batch) error {
		pricing.QueueSet(b, []pricing.Price{{SKU: sku, Currency: "EUR", AmountMinor: minor}}, 0)
		return nil
	})
}

// offer puts a promotion in force.
func (s *shop) offer(t testing.TB, p promotion.Promotion) {
	t.Helper()
	testkit.NoError(t, p.Validate())
	s.queue(t, func(b *database.Batch) error {
		return promotion.QueuePut(b, p, uuid.New(), time.Now().Add(-time.Hour))
	})
}

// changeRules tells that rules have changed.
func (s *shop) changeRules(t testing.TB) {
	t.Helper()
	s.queue(t, func(b *database.Batch) error { changes.QueueRulesChanged(b); return nil })
}

func (s *shop) queue(t testing.TB, queue func(b *database.Batch) error) {
	t.Helper()
	testkit.NoError(t, s.db.Write(t.Context(), queue))
}

func (s *shop) quote(t testing.TB, c cart.Cart) *cart.Quote { return s.quoteIn(t, c, "") }

// quoteIn quotes a cart whose goods go to a state.
func (s *shop) quoteIn(t testing.TB, c cart.Cart, state string) *cart.Quote {
	t.Helper()
	q := testkit.Must(s.Quote(t.Context(), cart.QuoteInput{Cart: c, State: state}))(t)
	return &q
}

func TestQuote(t *testing.T) {
	s := newShop(t)
	version := s.guestCart(t) // read, and so with the version of the rules
	line := func(sku, tax string, quantity, price int64) cart.Line {
		entries := []pricing.Entry{inEuro(price)}
		for _, currency := range []money.Currency{"CAD", "USD"} {
			e := inEuro(price)
			e.List = pricing.CatalogueList(currency)
			entries = append(entries, e)
		}
		return cart.Line{SKU: sku, Quantity: quantity, Sellable: true, Article: pricing.PricedSKU{SKU: sku, TaxCategory: tax, Entries: entries}}
	}
	unpriced, gone := line("C", "standard", 1, 0), line("D", "standard", 1, 700)
	unpriced.Article.Entries, gone.Sellable = nil, false
	type totals struct {
		Lines, Subtotal, Shipping, Tax, Total int64
		Includes                              bool
	}
	tests := []struct {
		name           string
		country, state string
		currency       money.Currency
		lines          []cart.Line
		want           totals
	}{
		{"empty", "IE", "", "EUR", nil, totals{Includes: true}},
		{"included", "IE", "", "EUR", []cart.Line{line("A", "standard", 2, 1230)}, totals{1, 2460, 590, 460, 3050, true}},
		{"added", "CA", "ON", "CAD", []cart.Line{line("A", "standard", 2, 1000)}, totals{1, 2000, 950, 260, 3210, false}},
		{"no state yet", "US", "", "USD", []cart.Line{line("A", "standard", 1, 1000)}, totals{1, 1000, 690, 0, 1690, false}},
		{"delivered free", "IE", "", "EUR", []cart.Line{line("A", "zero", 1, 7500)}, totals{1, 7500, 0, 0, 7500, true}},
		{"what cannot be bought is left out", "IE", "", "EUR", []cart.Line{unpriced, line("A", "zero", 1, 100), gone},
			totals{1, 100, 590, 0, 690, true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := version
			c.Country, c.Currency, c.Lines = test.country, test.currency, test.lines
			quote := s.quoteIn(t, c, test.state)
			got := totals{int64(len(quote.Lines)), quote.SubtotalMinor, quote.ShippingMinor, quote.TaxMinor, quote.TotalMinor,
				quote.PricesIncludeTax}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("quote (-want +got):\n%s", diff)
			}
			if quote.Delivery.Minor != quote.ShippingMinor {
				t.Errorf("delivery costs %d but the quote says %d", quote.Delivery.Minor, quote.ShippingMinor)
			}
		})
	}
}

// TestQuote_RoundTrips: none, and one where the rules have changed since the last quote.
func TestQuote_RoundTrips(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1))
	quote := func(want int64) {
		t.Helper()
		databasetest.WantTrips(t, "Quote", want, func(ctx context.Context) { testkit.Must(s.Quote(ctx, cart.QuoteInput{Cart: c}))(t) })
	}
	quote(1) // the first of all
	quote(0)
	s.changeRules(t)
	quote(0) // the cart was read before
	c = testkit.Must(s.Get(t.Context(), c.Ref, nil))(t)
	quote(1)
	quote(0)
}

// TestQuote_Terms: with terms the prices are those of the moment of the quote.
func TestQuote_Terms(t *testing.T) {
	s := newShop(t)
	before := s.Prices.Moment()
	s.reprice(t, mug, 2000)
	c := s.guestCart(t, add(mug, 2))
	if quote := s.quote(t, c); quote.SubtotalMinor != 4000 {
		t.Errorf("now it costs %d, want 4000", quote.SubtotalMinor)
	}
	quote := testkit.Must(s.Quote(t.Context(), cart.QuoteInput{Cart: c, Terms: &pricing.Terms{At: before, Market: "eu"}}))(t)
	if quote.SubtotalMinor != 2500 || !quote.Ask.At.Equal(before) || quote.Ask.Market.Code != "eu" {
		t.Errorf("by the quote it costs %d (%s, %s), want 2500", quote.SubtotalMinor, quote.Ask.At, quote.Ask.Market.Code)
	}
}

// TestQuote_Group: a customer of a group has the group's prices, everybody else has not.
func TestQuote_Group(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `INSERT INTO price_lists (code, title, kind, currency, customer_group, valid_from) VALUES ('trade', 'Trade', 'regular', 'EUR', 'b2b', '2020-01-01')`)
	databasetest.Exec(t, s.db, `INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor) VALUES ('MUG-1', 'trade', 10, '2020-01-01', 700)`)
	trader := s.account(t, "b2b")
	for _, test := range []struct {
		name    string
		account *regions.Ref
		units   int64
		want    int64
	}{{"a guest", nil, 10, 1250}, {"another customer", ptr(s.account(t, "")), 10, 1250}, {"a trader", &trader, 9,
		1250}, {"a trader, for many", &trader, 10, 700}} {
		in := cart.CreateInput{Account: test.account, Country: "IE"}
		c := testkit.Must(s.Create(t.Context(), in))(t)
		c = testkit.Must(s.Set(t.Context(), cart.ChangeInput{Cart: c.Ref, Account: test.account}, mug, test.units))(t)
		if got := s.quote(t, c).Line(mug).UnitPriceMinor; got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func ptr[T any](value T) *T { return &value }

// account registers a customer of a group.
func (s *shop) account(t testing.TB, group string) regions.Ref {
	t.Helper()
	ref := seed.Account(t, s.db, "eu-west")
	databasetest.Exec(t, s.db, `UPDATE accounts SET customer_group = $2 WHERE id = $1`, ref.ID, group)
	return ref
}

// tenPercent is 10 % off for a code.
func tenPercent(id, coupon string) promotion.Promotion {
	return promotion.Promotion{ID: id, Title: "Ten percent", Coupon: coupon, Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: 1000}}
}

// TestCoupons: codes are kept in upper case, each once, until others take their place; those that
// give nothing are refused with the reason and cost nothing.
func TestCoupons(t *testing.T) {
	s := newShop(t)
	s.offer(t, tenPercent("ten", "TEN"))
	much := tenPercent("much", "MUCH")
	much.Conditions.MinSubtotals = map[money.Currency]int64{"EUR": 100_00}
	s.offer(t, much)
	c := s.guestCart(t, add(mug, 2))
	change := func(coupons ...string) cart.Cart {
		t.Helper()
		return testkit.Must(s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Coupons: coupons}))(t)
	}
	changed := change(" ten", "Much", "TEN", "nope")
	if diff := cmp.Diff([]string{"TEN", "MUCH", "NOPE"}, changed.Coupons); diff != "" {
		t.Errorf("coupons (-want +got):\n%s", diff)
	}
	quote := s.quote(t, changed)
	want := []promotion.Refusal{{Coupon: "MUCH", Reason: promotion.ReasonMinSubtotal}, {Coupon: "NOPE", Reason: promotion.ReasonUnknown}}
	if diff := cmp.Diff(want, quote.RefusedCoupons); diff != "" || quote.DiscountMinor != 250 || quote.TotalMinor != 2250+590 {
		t.Errorf("discount %d, total %d, refused (-want +got):\n%s", quote.DiscountMinor, quote.TotalMinor, diff)
	}
	s.wantCoupons(t, testkit.Must(s.Add(t.Context(), cart.ChangeInput{Cart: c.Ref}, book, 1))(t), "TEN", "MUCH", "NOPE")
	s.wantCoupons(t, change("MUCH"), "MUCH")
	emptied := testkit.Must(s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Coupons: []string{}}))(t)
	s.wantCoupons(t, emptied)
	if quote := s.quote(t, emptied); quote.DiscountMinor != 0 || quote.RefusedCoupons != nil {
		t.Errorf("without codes %d is off, refused %v", quote.DiscountMinor, quote.RefusedCoupons)
	}
}

// wantCoupons compares the codes of a cart, as it was answered and as it is stored.
func (s *shop) wantCoupons(t testing.TB, answered cart.Cart, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	for _, c := range []cart.Cart{answered, testkit.Must(s.Get(t.Context(), answered.Ref, answered.Account))(t)} {
		if diff := cmp.Diff(want, c.Coupons); diff != "" {
			t.Errorf("coupons (-want +got):\n%s", diff)
		}
	}
}

func TestCoupons_Refused(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1))
	long := make([]byte, 41)
	for i := range long {
		long[i] = 'A'
	}
	many := make([]string, promotion.MaxCoupons+1)
	for i := range many {
		many[i] = uuid.NewString()
	}
	for name, coupons := range map[string][]string{"empty": {""}, "blank": {"  "}, "too long": {string(long)}, "too many": many} {
		if got, err := s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Coupons: coupons}); err == nil {
			t.Errorf("%s: the cart has %q", name, got.Coupons)
		}
	}
	s.wantCoupons(t, testkit.Must(s.Get(t.Context(), c.Ref, nil))(t))
}

// TestMerge_Coupons: the codes of a guest go on counting after the guest has signed in, as many
// as a cart may have.
func TestMerge_Coupons(t *testing.T) {
	code := func(n int) string { return string(rune('A'+n)) + "-CODE" }
	var many []string
	for n := range promotion.MaxCoupons - 1 {
		many = append(many, code(n))
	}
	tests := []struct {
		name                  string
		guest, customer, want []string
	}{
		{"the guest's", []string{"ONE"}, nil, []string{"ONE"}},
		{"both", []string{"ONE", "TWO"}, []string{"TWO", "THREE"}, []string{"TWO", "THREE", "ONE"}},
		{"none", nil, []string{"TWO"}, []string{"TWO"}},
		{"too many", []string{"ONE", "TWO"}, many, append(many[:len(many):len(many)], "ONE")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			account := s.account(t, "")
			guest := s.guestCart(t, add(mug, 1))
			if test.guest != nil {
				testkit.Must(s.Change(t.Context(), cart.ChangeInput{Cart: guest.Ref, Coupons: test.guest}))(t)
			}
			if test.customer != nil {
				c := s.customerCart(t, account, add(book, 1))
				testkit.Must(s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Account: &account, Coupons: test.customer}))(t)
			}
			s.wantCoupons(t, testkit.Must(s.Merge(t.Context(), cart.MergeInput{Guest: guest.Ref, Customer: account}))(t), test.want...)
		})
	}
}

// TestFirstOrder: a promotion for first orders is for customers who have none, but cancelled ones.
func TestFirstOrder(t *testing.T) {
	s := newShop(t)
	welcome := tenPercent("welcome", "")
	welcome.Conditions.FirstOrder = true
	s.offer(t, welcome)
	account := s.account(t, "")
	c := s.customerCart(t, account, add(mug, 1))
	want := func(what string, discount int64, c cart.Cart) {
		t.Helper()
		if got := s.quote(t, c).DiscountMinor; got != discount {
			t.Errorf("%s: %d off, want %d", what, got, discount)
		}
	}
	want("a guest", 0, s.guestCart(t, add(mug, 1)))
	want("a new customer", 125, c)
	order := seed.NewOrder("eu-west")
	order.Account = uuid.NullUUID{UUID: account.ID, Valid: true}
	order.Insert(t, s.db)
	want("after an order", 0, testkit.Must(s.Get(t.Context(), c.Ref, &account))(t))
	databasetest.Exec(t, s.db, `UPDATE orders SET status = 'cancelled', cancel_reason = 'expired' WHERE id = $1`, order.Ref.ID)
	want("after an order that was cancelled", 125, testkit.Must(s.Get(t.Context(), c.Ref, &account))(t))
}
