package order_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
	"meridian/internal/testkit/seed"
	"meridian/internal/testkit/shoptest"
)

// shop is one region's part of a shop that sells the SKUs A, B, C and OLD and has none of them yet. Its parts in other
// regions share the database, the bank and the clock.
type shop struct {
	*order.Orders
	kit    *shoptest.Shop
	carts  *cart.Carts
	prices *pricing.Pricer
	stock  *inventory.Stock
	db     *database.DB
	bank   *bank
	clock  *testkit.Clock
}

func newShop(t testing.TB) *shop {
	t.Helper()
	b := newBank()
	s := newPart(shoptest.New(t, shoptest.Config{Providers: map[string]payment.Provider{"bank": b}}), b)
	prices := func(minor int64) map[string]int64 { return map[string]int64{"EUR": minor, "USD": minor, "SGD": minor} }
	seed.Products(t, s.db, seed.Product{Slug: "mug", SKUs: []seed.SKU{
		{Code: "A", Prices: prices(1000)}, {Code: "B", Prices: prices(333)}, {Code: "C", Prices: prices(701)}, {Code: "OLD", Prices: prices(100)},
	}})
	s.poll(t)
	return s
}

func newPart(kit *shoptest.Shop, b *bank) *shop {
	return &shop{
		Orders: kit.Orders, kit: kit, carts: kit.Carts, prices: kit.Prices, stock: kit.Stock, db: kit.DB, bank: b, clock: kit.Clock,
	}
}

// in opens the same shop's part in another region.
func (s *shop) in(t testing.TB, region string) *shop {
	t.Helper()
	return newPart(s.kit.In(t, region), s.bank)
}

// poll reads the rules of prices, as a pod does each second.
func (s *shop) poll(t testing.TB) {
	t.Helper()
	testkit.NoError(t, s.prices.PollOnce(t.Context()))
}

func ptr[T any](value T) *T { return &value }

// list is the one column that a statement yields.
func list[T any](t testing.TB, s *shop, sql string, args ...any) []T {
	t.Helper()
	return testkit.Must(database.List(context.Background(), s.db, pgx.RowTo[T], sql, args...))(t)
}

// fill receives units into a warehouse.
func (s *shop) fill(t testing.TB, warehouse, sku string, units int64) {
	t.Helper()
	s.kit.Receive(t, warehouse, sku, units)
}

// counters returns a stock row's on_hand/reserved/allocated.
func (s *shop) counters(t testing.TB, warehouse, sku string) string {
	t.Helper()
	return s.kit.Counters(t, warehouse, sku)
}

func units(sku string, n int64) cart.Change { return shoptest.Units(sku, n) }

// basket makes a guest's cart in euro.
func (s *shop) basket(t testing.TB, lines ...cart.Change) cart.Cart {
	t.Helper()
	return s.kit.GuestCart(t, lines...)
}

// to returns a checkout of a cart to a country, with a card.
func (s *shop) to(c cart.Cart, country string) order.PlaceInput {
	in := s.kit.Checkout(c, country)
	in.Provider, in.Method = "bank", "card_success"
	return in
}

// place makes a guest's order of these lines, to Ireland.
func (s *shop) place(t testing.TB, lines ...cart.Change) order.Order {
	t.Helper()
	return testkit.Must(s.Place(t.Context(), s.to(s.basket(t, lines...), "IE")))(t)
}

// paid is place, paid.
func (s *shop) paid(t testing.TB, lines ...cart.Change) order.Order {
	t.Helper()
	placed := s.place(t, lines...)
	s.settle(t, placed, success(placed))
	return s.get(t, placed)
}

func (s *shop) get(t testing.TB, o order.Order) order.Order {
	t.Helper()
	return testkit.Must(s.Get(context.Background(), o.Ref))(t)
}

func (s *shop) settle(t testing.TB, o order.Order, outcome payment.Outcome) {
	t.Helper()
	testkit.NoError(t, s.Settle(context.Background(), o.Ref, outcome))
}

func (s *shop) wantStatus(t testing.TB, o order.Order, want order.Status) order.Order {
	t.Helper()
	got := s.get(t, o)
	if got.Status != want {
		t.Errorf("the order is %s, want %s", got.Status, want)
	}
	return got
}

func by(o order.Order) order.Command {
	return order.Command{Order: o.Ref, Actor: "usr_euw_test", Reason: "a test"}
}

func success(o order.Order) payment.Outcome {
	outcome := shoptest.Outcome(o, payment.StatusSucceeded)
	outcome.ProviderRef = "bank_1"
	return outcome
}

func failure() payment.Outcome {
	return payment.Outcome{Status: payment.StatusFailed, ProviderRef: "bank_1", FailureCode: "card_declined"}
}

// snapshot is every row that an order touches, as text.
func (s *shop) snapshot(t testing.TB) []string {
	t.Helper()
	return list[string](t, s, `
SELECT rows.line
FROM (
  SELECT 'orders ' || to_jsonb(x)::text FROM orders x
  UNION ALL SELECT 'lines ' || to_jsonb(x)::text FROM order_lines x
  UNION ALL SELECT 'history ' || to_jsonb(x)::text FROM order_history x
  UNION ALL SELECT 'payments ' || to_jsonb(x)::text FROM payments x
  UNION ALL SELECT 'refunds ' || to_jsonb(x)::text FROM refunds x
  UNION ALL SELECT 'shipments ' || to_jsonb(x)::text FROM shipments x
  UNION ALL SELECT 'reservations ' || to_jsonb(x)::text FROM reservations x
  UNION ALL SELECT 'stock ' || to_jsonb(x)::text FROM stock x
  UNION ALL SELECT 'movements ' || to_jsonb(x)::text FROM stock_movements x
  UNION ALL SELECT 'carts ' || to_jsonb(x)::text FROM carts x
  UNION ALL SELECT 'keys ' || to_jsonb(x)::text FROM idempotency_keys x
  UNION ALL SELECT 'promotions ' || to_jsonb(x)::text FROM order_promotions x
  UNION ALL SELECT 'uses ' || to_jsonb(x)::text FROM promotion_uses x
  UNION ALL SELECT 'customer uses ' || to_jsonb(x)::text FROM promotion_customer_uses x
  UNION ALL SELECT 'outbox ' || to_jsonb(x)::text FROM outbox x
) AS rows (line)
ORDER BY rows.line`)
}

func (s *shop) wantUnchanged(t testing.TB, before []string) {
	t.Helper()
	if diff := cmp.Diff(before, s.snapshot(t)); diff != "" {
		t.Errorf("something changed (-before +after):\n%s", diff)
	}
}

// wantSound fails the test if anything in the database breaks an invariant.
func (s *shop) wantSound(t testing.TB) {
	t.Helper()
	shoptest.WantSound(t, s.db)
}
