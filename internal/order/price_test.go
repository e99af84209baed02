package order_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// offer puts a promotion in force, an hour ago.
func (s *shop) offer(t testing.TB, p promotion.Promotion) {
	t.Helper()
	testkit.NoError(t, p.Validate())
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		return promotion.QueuePut(b, p, uuid.New(), s.clock.Now().Add(-time.Hour))
	}))
	s.poll(t)
}

// percent is a percentage off, for a code or for everybody.
func percent(id, coupon string, basisPoints int64) promotion.Promotion {
	return promotion.Promotion{ID: id, Title: id, Coupon: coupon, Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: basisPoints}}
}

// with gives a cart coupons.
func (s *shop) with(t testing.TB, c cart.Cart, coupons ...string) cart.Cart {
	t.Helper()
	return testkit.Must(s.carts.Change(context.Background(), cart.ChangeInput{Cart: c.Ref, Account: c.Account, Coupons: coupons}))(t)
}

// move gives a SKU another price in euro, which is in force a minute later.
func (s *shop) move(t testing.TB, sku string, minor int64) {
	t.Helper()
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		pricing.QueueSet(b, []pricing.Price{{SKU: sku, Currency: "EUR", AmountMinor: minor}}, 0)
		return nil
	}))
	s.clock.Advance(time.Minute)
}

// quoteID is the quote of a cart for an address, changed.
func (s *shop) quoteID(t testing.TB, c cart.Cart, country string, changes ...func(*pricing.Terms)) string {
	t.Helper()
	terms := pricing.Terms{
		At: s.prices.Moment(), Expires: s.prices.Moment().Add(15 * time.Minute), Market: "eu", Currency: c.Currency, Group: c.Group, Country: country,
	}
	var goods []pricing.Wanted
	for _, line := range c.Lines {
		goods = append(goods, pricing.Wanted{SKU: line.SKU, Quantity: line.Quantity})
	}
	terms.Goods = pricing.GoodsDigest(goods, c.Coupons)
	for _, change := range changes {
		change(&terms)
	}
	return testkit.Must(s.prices.Sign(terms))(t)
}

// TestPlace_Promotion: discounts are of lines, tax is on what they leave, and each line tells why
// it costs that.
func TestPlace_Promotion(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	s.fill(t, "euw-1", "B", 9)
	s.offer(t, percent("ten", "TEN", 1000))
	s.offer(t, promotion.Promotion{ID: "sent", Title: "Sent for free", Spec: promotion.Spec{Kind: promotion.FreeShipping}})
	c := s.with(t, s.basket(t, units("A", 2), units("B", 3)), "ten")
	var placed order.Order
	databasetest.WantTrips(t, "Place", 2, func(ctx context.Context) { placed = testkit.Must(s.Place(ctx, s.to(c, "IE")))(t) })
	o := s.get(t, placed)
	if o.SubtotalMinor != 2999 || o.DiscountMinor != 300 || o.ShippingMinor != 0 || o.TotalMinor != 2699 || o.Market != "eu" ||
		!o.PricedAt.Equal(s.clock.Now()) {
		t.Errorf("subtotal %d, discount %d, shipping %d, total %d in %s at %s", o.SubtotalMinor, o.DiscountMinor, o.ShippingMinor, o.TotalMinor,
			o.Market, o.PricedAt)
	}
	for i, want := range [][3]int64{{200, 337, 1800}, {100, 168, 899}} { // off, tax of 23 % within, total
		if l := o.Lines[i]; l.DiscountMinor != want[0] || l.TaxMinor != want[1] || l.TotalMinor != want[2] {
			t.Errorf("line %d: discount %d, tax %d, total %d; want %v", i+1, l.DiscountMinor, l.TaxMinor, l.TotalMinor, want)
		}
	}
	checkDerivations(t, o)
	given := list[string](t, s, `SELECT promotion || ' ' || coupon || ' ' || discount_minor || ' ' || shipping_minor FROM order_promotions ORDER BY promotion`)
	if got := strings.Join(given, ", "); got != "sent  0 590, ten TEN 300 0" {
		t.Errorf("promotions %s", got)
	}
	testkit.Must(s.StartPayment(t.Context(), o, ""))(t) // the bank checks that the lines add up
	if started := s.bank.started[s.PaymentID(o.Ref)]; len(started.Lines) != 2 || started.Lines[1].Total.Minor != 899 {
		t.Errorf("the bank was told of %+v", started.Lines)
	}
	s.settle(t, o, success(o))
	s.wantStatus(t, o, order.Paid)
	s.wantSound(t)
}

// checkDerivations works every line out again from what is stored with it.
func checkDerivations(t testing.TB, o order.Order) {
	t.Helper()
	for _, l := range o.Lines {
		var d pricing.Derivation
		if err := json.Unmarshal(l.Derivation, &d); err != nil {
			t.Fatalf("derivation of line %d: %v", l.LineNo, err)
		}
		if err := d.Check(); err != nil {
			t.Errorf("line %d: %v", l.LineNo, err)
		}
		got := [...]int64{d.Quantity, d.UnitPriceMinor, d.SubtotalMinor, d.DiscountMinor, d.TaxMinor, d.TotalMinor}
		if want := [...]int64{l.Quantity, l.UnitPriceMinor, l.SubtotalMinor, l.DiscountMinor, l.TaxMinor, l.TotalMinor}; got != want ||
			!d.At.Equal(o.PricedAt) {
			t.Errorf("line %d: the derivation is of %v at %s, the line of %v at %s", l.LineNo, got, d.At, want, o.PricedAt)
		}
	}
}

// TestPlace_FreeByPromotion: a line may cost nothing, and all of an order.
func TestPlace_FreeByPromotion(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	s.offer(t, percent("all", "ALL", 10_000))
	s.offer(t, promotion.Promotion{ID: "sent", Title: "Sent", Coupon: "SENT", Spec: promotion.Spec{Kind: promotion.FreeShipping}})
	o := testkit.Must(s.Place(t.Context(), s.to(s.with(t, s.basket(t, units("A", 2)), "ALL", "SENT"), "IE")))(t)
	testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
	if o = s.wantStatus(t, o, order.Paid); o.TotalMinor != 0 || s.bank.calls["start"] != 0 {
		t.Errorf("it costs %d, and the bank was asked %d times", o.TotalMinor, s.bank.calls["start"])
	}
	s.wantSound(t)
}

// TestRefund_AllParts: however an order with discounts is refunded, the parts are the charge.
func TestRefund_AllParts(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B", "C"} {
		s.fill(t, "euw-1", sku, 1000)
	}
	s.offer(t, percent("third", "", 3333))
	s.offer(t, promotion.Promotion{ID: "off", Title: "off", Spec: promotion.Spec{Kind: promotion.AmountOff,
		Amounts: map[money.Currency]int64{"EUR": 101, "USD": 97}}})
	s.offer(t, promotion.Promotion{ID: "gift", Title: "gift", Spec: promotion.Spec{Kind: promotion.BuyXGetY, Buy: 2, Get: 1}})
	random := rand.New(rand.NewPCG(3, 4))
	for range 12 {
		var lines []cart.Change
		for _, sku := range []string{"A", "B", "C"} {
			lines = append(lines, units(sku, 1+random.Int64N(5)))
		}
		country, currency := "IE", money.Currency("EUR")
		if random.IntN(2) == 0 {
			country, currency = "US", "USD" // where tax is added
		}
		c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Country: country, Currency: currency, Lines: lines}))(t)
		in := s.to(c, country)
		in.ShipTo.State = "TX"
		o := testkit.Must(s.Place(t.Context(), in))(t)
		s.settle(t, o, success(o))
		parts := s.refundInParts(t, random, o)
		o = s.get(t, o)
		for _, l := range o.Lines {
			if l.RefundedMinor != l.TotalMinor {
				t.Errorf("line %d: %d of %d", l.LineNo, l.RefundedMinor, l.TotalMinor)
			}
		}
		if parts != o.TotalMinor || o.Payment.RefundedMinor != o.TotalMinor || o.Status != order.Refunded {
			t.Errorf("%d were given back in parts, %d in all, of %d; it is %s", parts, o.Payment.RefundedMinor, o.TotalMinor, o.Status)
		}
		checkDerivations(t, o)
	}
	s.wantSound(t)
}

// refundInParts gives an order's units back a few at a time, then the shipping, and returns the sum.
func (s *shop) refundInParts(t testing.TB, random *rand.Rand, o order.Order) (sum int64) {
	t.Helper()
	left := make(map[int64]int64)
	for _, l := range o.Lines {
		left[l.LineNo] = l.Quantity
	}
	for len(left) > 0 {
		line := 1 + random.Int64N(int64(len(o.Lines)))
		if left[line] == 0 {
			continue
		}
		if now := s.get(t, o); now.Payment.RefundedMinor == now.TotalMinor {
			break // what is left of the goods cost nothing
		}
		n := 1 + random.Int64N(left[line])
		if left[line] -= n; left[line] == 0 {
			delete(left, line)
		}
		s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: line, Quantity: n}}})
	}
	if o.ShippingMinor > 0 {
		s.refund(t, order.RefundInput{Command: by(o), AmountMinor: o.ShippingMinor})
	}
	for _, r := range s.get(t, o).Refunds {
		sum += r.AmountMinor
	}
	return sum
}

// TestPlace_Quote: a quote is honoured though the price has moved, until it expires.
func TestPlace_Quote(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	honoured, late := s.basket(t, units("A", 2)), s.basket(t, units("A", 1))
	id, lateID := s.quoteID(t, honoured, "IE"), s.quoteID(t, late, "IE")
	quoted := s.clock.Now()
	s.move(t, "A", 1500)

	in := s.to(honoured, "IE")
	in.QuoteID, in.ExpectedTotalMinor = id, ptr(int64(2*1000+590))
	o := s.get(t, testkit.Must(s.Place(t.Context(), in))(t))
	if o.SubtotalMinor != 2000 || !o.PricedAt.Equal(quoted) {
		t.Errorf("by the quote it costs %d as of %s, want 2000 as of %s", o.SubtotalMinor, o.PricedAt, quoted)
	}
	checkDerivations(t, o)
	if o = s.place(t, units("A", 2)); o.SubtotalMinor != 3000 {
		t.Errorf("without a quote it costs %d, want 3000", o.SubtotalMinor)
	}

	s.clock.Advance(14 * time.Minute)
	in = s.to(late, "IE")
	in.QuoteID = lateID
	before := s.snapshot(t)
	_, err := s.Place(t.Context(), in)
	var refused *order.QuoteRefusedError
	if !errors.As(err, &refused) || refused.Current != money.New(1500+590, "EUR") || !strings.Contains(refused.Reason, "expired") {
		t.Errorf("expired: %v, want the price of now", err)
	}
	s.wantUnchanged(t, before)
	s.wantSound(t)
}

// TestPlace_QuoteRefused: a quote is for its goods, its coupons, its place, its currency and its
// customers; anything else is told what the order would cost.
func TestPlace_QuoteRefused(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	s.offer(t, percent("ten", "TEN", 1000))
	c := s.with(t, s.basket(t, units("A", 2)), "TEN")
	good := s.quoteID(t, c, "IE")
	goods := func(quantity int64, coupons ...string) func(*pricing.Terms) {
		return func(terms *pricing.Terms) {
			terms.Goods = pricing.GoodsDigest([]pricing.Wanted{{SKU: "A", Quantity: quantity}}, coupons)
		}
	}
	forged := []byte(good)
	forged[len(forged)/2] ^= 1
	for name, test := range map[string]struct {
		id     string
		reason string // "" where it is none of the shop's
	}{
		"of more units":     {s.quoteID(t, c, "IE", goods(3, "TEN")), "goods"},
		"without the code":  {s.quoteID(t, c, "IE", goods(2)), "goods"},
		"elsewhere":         {s.quoteID(t, c, "DE"), "country"},
		"another state":     {s.quoteID(t, c, "IE", func(terms *pricing.Terms) { terms.State = "C" }), "state"},
		"another currency":  {s.quoteID(t, c, "IE", func(terms *pricing.Terms) { terms.Currency = "USD" }), "USD"},
		"a group's":         {s.quoteID(t, c, "IE", func(terms *pricing.Terms) { terms.Group = "b2b" }), "group"},
		"another market's":  {s.quoteID(t, c, "IE", func(terms *pricing.Terms) { terms.Market = "world" }), "market"},
		"expired":           {s.quoteID(t, c, "IE", func(terms *pricing.Terms) { terms.Expires = s.clock.Now() }), "expired"},
		"tampered with":     {string(forged), ""},
		"cut short":         {good[:len(good)-1], ""},
		"of another shop":   {"quo_AAAA", ""},
		"what is no quote":  {"ord_euw_1", ""},
		"far too long":      {"quo_" + strings.Repeat("A", 100_000), ""},
		"another shop's":    {otherShopsQuote(t, s), ""},
		"with a line break": {good[:10] + "\n" + good[10:], ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := s.to(c, "IE")
			in.QuoteID = test.id
			before := s.snapshot(t)
			_, err := s.Place(t.Context(), in)
			var refused *order.QuoteRefusedError
			switch {
			case test.reason == "" && !errors.Is(err, pricing.ErrQuoteInvalid):
				t.Errorf("%v, want %v", err, pricing.ErrQuoteInvalid)
			case test.reason != "" && (!errors.As(err, &refused) || !strings.Contains(refused.Reason, test.reason) ||
				refused.Current != money.New(1800+590, "EUR")):
				t.Errorf("%v, want a refusal because of the %s, and what it costs", err, test.reason)
			}
			s.wantUnchanged(t, before)
		})
	}
	in := s.to(c, "IE")
	in.QuoteID = good
	if o := testkit.Must(s.Place(t.Context(), in))(t); o.DiscountMinor != 200 {
		t.Errorf("by the quote %d is off", o.DiscountMinor)
	}
}

// otherShopsQuote is a quote id by another key.
func otherShopsQuote(t testing.TB, s *shop) string {
	t.Helper()
	other := testkit.Must(pricing.New(pricing.Config{DB: s.db, Key: []byte("another")}))(t)
	return testkit.Must(other.Sign(pricing.Terms{Expires: s.clock.Now().Add(time.Hour)}))(t)
}

// TestPlace_QuoteOfGroup: the group's own quote is honoured.
func TestPlace_QuoteOfGroup(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	databasetest.Exec(t, s.db, `INSERT INTO price_lists (code, title, kind, currency, customer_group, valid_from) VALUES ('trade', 'Trade', 'regular', 'EUR', 'b2b', '2020-01-01')`)
	databasetest.Exec(t, s.db, `INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor) VALUES ('A', 'trade', 1, '2020-01-01', 700)`)
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error { changes.QueueRulesChanged(b); return nil }))
	trader := seed.Account(t, s.db, "eu-west")
	databasetest.Exec(t, s.db, `UPDATE accounts SET customer_group = 'b2b' WHERE id = $1`, trader.ID)
	c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &trader, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
	in := s.to(c, "IE")
	in.QuoteID = s.quoteID(t, c, "IE")
	if o := s.get(t, testkit.Must(s.Place(t.Context(), in))(t)); o.SubtotalMinor != 700 || o.Group != "b2b" {
		t.Errorf("the group %q pays %d, want b2b and 700", o.Group, o.SubtotalMinor)
	}
}

// TestPlace_CouponRefused: a code that gives nothing stops the checkout, with the reason.
func TestPlace_CouponRefused(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	s.offer(t, percent("ten", "TEN", 1000))
	in := s.to(s.with(t, s.basket(t, units("A", 1)), "TEN", "NOPE"), "IE")
	before := s.snapshot(t)
	_, err := s.Place(t.Context(), in)
	wantRefused(t, err, "NOPE", promotion.ReasonUnknown)
	s.wantUnchanged(t, before)
}

func wantRefused(t testing.TB, err error, coupon string, reason promotion.Reason) {
	t.Helper()
	var refused *order.CouponRefusedError
	if !errors.As(err, &refused) || len(refused.Refused) != 1 || refused.Refused[0] != (promotion.Refusal{Coupon: coupon, Reason: reason}) {
		t.Errorf("%v, want %s refused: %s", err, coupon, reason)
	}
}

// TestPlace_UsedUp: a code is refused once it was used as often as it may be, in all or by a
// customer, whoever the orders are of.
func TestPlace_UsedUp(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	total, each := percent("total", "TOTAL", 1000), percent("each", "EACH", 1000)
	total.TotalLimit, each.CustomerLimit = 2, 1
	s.offer(t, total)
	s.offer(t, each)
	place := func(coupon, email string) error {
		in := s.to(s.with(t, s.basket(t, units("A", 1)), coupon), "IE")
		in.Email = email
		_, err := s.Place(t.Context(), in)
		return err
	}
	for _, email := range []string{"a@example.com", "b@example.com"} {
		for _, coupon := range []string{"TOTAL", "EACH"} {
			if err := place(coupon, email); err != nil {
				t.Fatalf("%s by %s: %v", coupon, email, err)
			}
		}
	}
	for range 2 { // the second time it is known before anything is written
		wantRefused(t, place("TOTAL", "c@example.com"), "TOTAL", promotion.ReasonUsedUp)
		wantRefused(t, place("EACH", "A@Example.com"), "EACH", promotion.ReasonUsedUp)
	}
	if err := place("EACH", "c@example.com"); err != nil {
		t.Errorf("another customer: %v", err)
	}
	customer := seed.Account(t, s.db, "eu-west") // ann@example.com
	c := s.with(t, testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &customer, Country: "IE",
		Lines: []cart.Change{units("A", 1)}}))(t), "EACH")
	in := s.to(c, "IE")
	in.Email = ""
	testkit.Must(s.Place(t.Context(), in))(t)
	wantRefused(t, place("EACH", "ann@example.com"), "EACH", promotion.ReasonUsedUp)
	s.wantSound(t)
}

// TestPlace_UsedUpAutomatic: one that applies by itself and is used up stops nobody from buying.
func TestPlace_UsedUpAutomatic(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	first := percent("first-two", "", 1000)
	first.TotalLimit = 2
	s.offer(t, first)
	for n, want := range []int64{100, 100, 0, 0} {
		if o := s.place(t, units("A", 1)); o.DiscountMinor != want {
			t.Errorf("order %d: %d off, want %d", n+1, o.DiscountMinor, want)
		}
	}
	known := s.basket(t, units("A", 1)) // once it is known to be used up it costs no look of its own
	databasetest.WantTrips(t, "Place", 2, func(ctx context.Context) { testkit.Must(s.Place(ctx, s.to(known, "IE")))(t) })
	in := s.to(s.basket(t, units("A", 1)), "IE")
	in.ExpectedTotalMinor = ptr(int64(900 + 590))
	if _, err := s.Place(t.Context(), in); !is[*order.TotalChangedError](err) {
		t.Errorf("agreed to the reduced price: %v", err)
	}
	s.wantSound(t)
}

// TestPlace_UsedUpConcurrently: shoppers of all regions race for the last uses.
func TestPlace_UsedUpConcurrently(t *testing.T) {
	const shoppers, limit = 60, 15
	s := newShop(t)
	s.fill(t, "euw-1", "A", 999)
	p := percent("few", "FEW", 1000)
	p.TotalLimit = limit
	s.offer(t, p)
	shops := []*shop{s, s.in(t, "us-east"), s.in(t, "us-west"), s.in(t, "ap-southeast")}
	ins := make([]order.PlaceInput, shoppers)
	for i := range ins {
		ins[i] = s.to(s.with(t, s.basket(t, units("A", 1)), "FEW"), []string{"IE", "US", "MX", "SG"}[i%4])
		ins[i].Email = fmt.Sprintf("shopper-%d@example.com", i)
	}
	errs := make([]error, shoppers)
	var running sync.WaitGroup
	for i, in := range ins {
		running.Go(func() { _, errs[i] = shops[i/4%4].Place(context.Background(), in) })
	}
	running.Wait()
	var placed int
	for i, err := range errs {
		if err == nil {
			placed++
			continue
		}
		if !is[*order.CouponRefusedError](err) && !errors.Is(err, order.ErrUsedUp) {
			t.Errorf("shopper %d: %v", i, err)
		}
	}
	if used := list[int64](t, s, `SELECT used FROM promotion_uses WHERE promotion = 'few'`)[0]; placed != limit || used != limit {
		t.Errorf("%d orders, %d uses, want %d", placed, used, limit)
	}
	s.wantSound(t)
}

// TestCancelled_GivesUsesBack: an order that comes to nothing gives back what it used of
// promotions, once, in whatever way it ends.
func TestCancelled_GivesUsesBack(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	p := percent("one", "ONE", 1000)
	p.TotalLimit, p.CustomerLimit = 1, 1
	s.offer(t, p)
	uses := func() string {
		return list[string](t, s, `SELECT (SELECT sum(used) FROM promotion_uses)::text || ' ' || (SELECT sum(used) FROM promotion_customer_uses)::text`)[0]
	}
	ways := map[string]func(o order.Order) error{
		"cancelled": func(o order.Order) error {
			_, err := s.Cancel(t.Context(), order.CancelInput{Command: by(o)})
			return err
		},
		"payment failed": func(o order.Order) error { return s.Settle(t.Context(), o.Ref, failure()) },
		"expired": func(o order.Order) error {
			s.bank.set(s.PaymentID(o.Ref), payment.Outcome{Status: payment.StatusProcessing, ProviderRef: "bank_1",
				Amount: money.New(o.TotalMinor, "EUR")})
			s.clock.Advance(time.Hour)
			_, err := s.ExpireOnce(t.Context())
			return err
		},
	}
	for name, end := range ways {
		o := testkit.Must(s.Place(t.Context(), s.to(s.with(t, s.basket(t, units("A", 1)), "ONE"), "IE")))(t)
		if got := uses(); got != "1 1" {
			t.Errorf("%s: placed with uses %s", name, got)
		}
		if err := end(o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.wantStatus(t, o, order.Cancelled)
		if got := uses(); got != "0 0" {
			t.Errorf("%s: uses %s, want none", name, got)
		}
		_ = end(o) // nothing more to end
		if err := s.Settle(t.Context(), o.Ref, failure()); err != nil {
			t.Errorf("%s: told again that it failed: %v", name, err)
		}
		if got := uses(); got != "0 0" {
			t.Errorf("%s: after more of the same, uses %s", name, got)
		}
		s.wantSound(t)
	}
	o := testkit.Must(s.Place(t.Context(), s.to(s.with(t, s.basket(t, units("A", 1)), "ONE"), "IE")))(t)
	s.settle(t, o, success(o))
	s.refund(t, order.RefundInput{Command: by(o)})
	if got := uses(); got != "1 1" {
		t.Errorf("a refunded order has its use: uses %s", got)
	}
	s.wantSound(t)
}

// TestPlace_Booked: each line is booked in the reporting currency at the rate of its moment.
func TestPlace_Booked(t *testing.T) {
	s := newShop(t)
	s.fill(t, "use-1", "A", 9)
	s.fill(t, "use-1", "B", 9)
	booked := func(o order.Order) string {
		return list[string](t, s, `
SELECT string_agg(reporting_currency || ' ' || reporting_rate || ' ' || reporting_total_minor || ' ' || reporting_tax_minor, ', ' ORDER BY line_no)
FROM order_lines WHERE order_id = $1`, o.Ref.ID)[0]
	}
	dollars := func() order.Order {
		c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Country: "US", Currency: "USD",
			Lines: []cart.Change{units("A", 1), units("B", 1)}}))(t)
		in := s.to(c, "US")
		in.ShipTo.State = "TX"
		return testkit.Must(s.Place(t.Context(), in))(t)
	}
	if got := booked(dollars()); got != "  0 0,   0 0" {
		t.Errorf("without a rate: %q", got)
	}
	databasetest.Exec(t, s.db, `INSERT INTO fx_rates (currency, source, day, rate, status, valid_from) VALUES ('USD', 'ecb', '2020-01-01', '1.25', 'in_force', '2020-01-01')`)
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error { changes.QueueRulesChanged(b); return nil }))
	// 10.62 with 0.62 of tax, 3.54 with 0.21; 49.6 and 16.8 are rounded
	if got, want := booked(dollars()), "EUR 0.8 850 50, EUR 0.8 283 17"; got != want {
		t.Errorf("in dollars: %q, want %q", got, want)
	}
	if got, want := booked(s.place(t, units("A", 1))), "EUR 1 1000 187"; got != want {
		t.Errorf("in euro: %q, want %q", got, want)
	}
	s.wantSound(t)
}

// TestPlace_Buyer: prices and promotions are those of the account that orders, whatever the cart
// was read as before.
func TestPlace_Buyer(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	welcome := percent("welcome", "", 5000)
	welcome.Conditions.FirstOrder = true
	s.offer(t, welcome)
	customer := seed.Account(t, s.db, "eu-west")
	buy := func(account *regions.Ref) order.Order {
		c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: account, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
		return testkit.Must(s.Place(t.Context(), s.to(c, "IE")))(t)
	}
	for n, want := range []int64{500, 0} {
		if got := buy(&customer).DiscountMinor; got != want {
			t.Errorf("order %d of a customer: %d off, want %d", n+1, got, want)
		}
	}
	if got := buy(nil).DiscountMinor; got != 0 {
		t.Errorf("a guest: %d off", got)
	}
	s.wantSound(t)
}
