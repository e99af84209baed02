package order_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/pricing"
	"meridian/internal/shipping"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// shop is one region's part of a shop that sells the SKUs A, B, C and OLD (archived), and
// has none of them yet. Its parts in other regions share the database, the bank and the clock.
type shop struct {
	*order.Orders
	carts  *cart.Carts
	prices *pricing.Pricer
	stock  *inventory.Stock
	db     *database.DB
	url    string
	bank   *bank
	clock  *testkit.Clock
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{
		url: databasetest.URL(t), bank: newBank(),
		clock: testkit.ClockOfToday(),
	}
	s = s.in(t, "eu-west")
	seed(t, s)
	s.poll(t)
	return s
}

// in is the same shop's part in another region.
func (s *shop) in(t testing.TB, region string) *shop {
	t.Helper()
	there := &shop{url: s.url, bank: s.bank, clock: s.clock, db: databasetest.Open(t, s.url, region)}
	set := testkit.Must(regions.Shipped())(t)
	there.prices = testkit.Must(pricing.New(pricing.Config{DB: there.db, Key: bytes.Repeat([]byte("q"), 32), Lead: -1, Now: s.clock.Now}))(t)
	there.carts = cart.New(cart.Config{DB: there.db, Regions: set, Prices: there.prices, Shipping: testkit.Must(shipping.Shipped())(t), Now: s.clock.Now})
	there.stock = inventory.New(inventory.Config{DB: there.db, Regions: set, Now: s.clock.Now})
	there.Orders = order.New(order.Config{
		DB: there.db, Regions: set, Carts: there.carts, Now: s.clock.Now,
		Providers: map[string]payment.Provider{"bank": s.bank}, CustomerKey: bytes.Repeat([]byte("c"), 32),
	})
	return there
}

// poll has the shop read the rules of prices, as a pod does each second.
func (s *shop) poll(t testing.TB) {
	t.Helper()
	testkit.NoError(t, s.prices.PollOnce(t.Context()))
}

func seed(t testing.TB, s *shop) {
	t.Helper()
	testkit.NoError(t, inventory.SyncWarehouses(t.Context(), s.db, testkit.Must(regions.Shipped())(t)))
	databasetest.Exec(t, s.db, `INSERT INTO sellers (id, slug, name) VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'Acme')`)
	databasetest.Exec(t, s.db, `INSERT INTO categories (id, slug, name, path, level) VALUES ('hg', 'home', 'Home', '/hg/', 1)`)
	databasetest.Exec(t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, status)
VALUES ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000001', 'mug', 'mug', 'Mug', 'hg', 'active')`)
	databasetest.Exec(t, s.db, `
INSERT INTO skus (sku, product_id, status, base_currency)
SELECT s.sku, '00000000-0000-4000-8000-0000000000a1', s.status, 'EUR'
FROM (VALUES ('A', 'active'), ('B', 'active'), ('C', 'active'), ('OLD', 'active')) AS s (sku, status)`)
	databasetest.Exec(t, s.db, `
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT p.sku, 'catalogue-' || c.currency, 1, '2020-01-01', p.amount
FROM (VALUES ('A', 1000), ('B', 333), ('C', 701), ('OLD', 100)) AS p (sku, amount),
  (VALUES ('EUR'), ('USD'), ('SGD')) AS c (currency)`)
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
	testkit.Must(s.stock.Receive(t.Context(), inventory.Receipt{
		SKU: sku, Warehouse: warehouse, Quantity: units, Operation: inventory.Operation{Actor: "usr_euw_test", Reason: "delivery"},
	}))(t)
}

// counters are a stock row's: on_hand/reserved/allocated.
func (s *shop) counters(t testing.TB, warehouse, sku string) string {
	t.Helper()
	l := testkit.Must(s.stock.Get(context.Background(), warehouse, sku))(t)
	return fmt.Sprintf("%d/%d/%d", l.OnHand, l.Reserved, l.Allocated)
}

// account registers a customer of a region.
func (s *shop) account(t testing.TB, region string) regions.Ref {
	t.Helper()
	ref := regions.Ref{Region: region, ID: uuid.New()}
	databasetest.Exec(t, s.db, `
INSERT INTO accounts (region, id, email, email_hash, name, country, password_hash)
VALUES ($1, $2, 'ann@example.com', $3, 'Ann', 'IE', 'x')`, ref.Region, ref.ID, ref.ID[:])
	return ref
}

func units(sku string, n int64) cart.Change {
	return cart.Change{Op: cart.OpAdd, SKU: sku, Quantity: n}
}

// basket makes a guest's cart in euro.
func (s *shop) basket(t testing.TB, lines ...cart.Change) cart.Cart {
	t.Helper()
	return testkit.Must(s.carts.Create(context.Background(), cart.CreateInput{Country: "IE", Lines: lines}))(t)
}

// to is a checkout of a cart, to an address in a country.
func (s *shop) to(c cart.Cart, country string) order.PlaceInput {
	return order.PlaceInput{
		Cart: c.Ref, CartVersion: c.Version, Account: c.Account, Email: "ann@example.com",
		ShipTo:   order.Address{Name: "Ann", Line1: "1 Main Street", City: "Town", Country: country},
		Provider: "bank", Method: "card_success",
		Idempotency: s.key(c, uuid.NewString()),
	}
}

func (s *shop) key(c cart.Cart, text string) idempotency.Key {
	return idempotency.Key{
		Region: c.Ref.Region, Scope: s.Regions.FormatID(regions.CartPrefix, c.Ref), Key: text, Fingerprint: []byte("the request"),
	}
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
	return payment.Outcome{
		Status: payment.StatusSucceeded, ProviderRef: "bank_1", Amount: money.New(o.TotalMinor, o.Currency), CapturedMinor: o.TotalMinor,
	}
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

// unsound are the statements that find what must never be, by name.
var unsound = map[string]string{
	"stock rows that are not the sums of their ledger and reservations": `
SELECT count(*)
FROM stock s
LEFT JOIN (
  SELECT region, sku, warehouse, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved, sum(allocated_delta) AS allocated
  FROM stock_movements GROUP BY region, sku, warehouse
) m ON m.region = s.region AND m.sku = s.sku AND m.warehouse = s.warehouse
LEFT JOIN (
  SELECT region, sku, warehouse,
    sum(CASE status WHEN 'held' THEN quantity ELSE 0 END) AS held,
    sum(CASE status WHEN 'allocated' THEN quantity ELSE 0 END) AS allocated
  FROM reservations GROUP BY region, sku, warehouse
) r ON r.region = s.region AND r.sku = s.sku AND r.warehouse = s.warehouse
WHERE s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0) OR s.allocated <> coalesce(m.allocated, 0)
  OR s.reserved <> coalesce(r.held, 0) OR s.allocated <> coalesce(r.allocated, 0)`,
	"orders whose reservations are not in the state of the order": `
SELECT count(*)
FROM orders o
JOIN reservations r ON r.order_region = o.region AND r.order_id = o.id
WHERE NOT CASE o.status
  WHEN 'pending_payment' THEN r.status = 'held'
  WHEN 'cancelled' THEN r.status = 'released'
  WHEN 'paid' THEN r.status IN ('allocated', 'released')
  WHEN 'packed' THEN r.status IN ('allocated', 'released')
  ELSE r.status IN ('shipped', 'released')
END`,
	"lines of unsent orders whose units are not the ones held": `
SELECT count(*)
FROM orders o
JOIN order_lines l ON l.region = o.region AND l.order_id = o.id
WHERE o.status IN ('pending_payment', 'paid', 'packed')
  AND l.quantity - l.refunded_quantity <> (
    SELECT coalesce(sum(r.quantity), 0)
    FROM reservations r
    WHERE r.order_region = o.region AND r.order_id = o.id AND r.line_no = l.line_no AND r.status IN ('held', 'allocated'))`,
	"orders whose history is not complete": `
SELECT count(*)
FROM orders o
WHERE o.version <> (SELECT count(*) FROM order_history h WHERE h.region = o.region AND h.order_id = o.id)
  OR o.status <> (SELECT h.status FROM order_history h WHERE h.region = o.region AND h.order_id = o.id AND h.version = o.version)`,
	"transitions that happened twice": `
SELECT count(*)
FROM order_history h
JOIN order_history p ON p.region = h.region AND p.order_id = h.order_id AND p.version = h.version - 1
JOIN order_history q ON q.region = h.region AND q.order_id = h.order_id AND q.version < h.version
WHERE q.status = h.status AND p.status <> h.status`,
	"transitions without their event, counted by the transaction, which several orders may share": `
SELECT count(*)
FROM (
  SELECT change.topic, change.at
  FROM (
    SELECT 'order.' || o.status AS topic, min(h.at) AS at, 1 AS n
    FROM orders o
    JOIN order_history h ON h.region = o.region AND h.order_id = o.id AND h.status = o.status
    WHERE o.status IN ('paid', 'packed', 'shipped', 'delivered', 'cancelled')
    GROUP BY o.region, o.id, o.status
    UNION ALL
    SELECT e.topic, e.created_at, -1
    FROM (SELECT DISTINCT topic, key, created_at FROM outbox WHERE payload ->> 'order' = key) AS e
  ) AS change
  GROUP BY change.topic, change.at
  HAVING sum(change.n) > 0
) AS missing`,
	"cancelled orders whose money was kept": `
SELECT count(*)
FROM orders o
JOIN payments p ON p.region = o.region AND p.id = o.id
WHERE o.status = 'cancelled' AND p.captured_minor <> (
  SELECT coalesce(sum(r.amount_minor), 0)
  FROM refunds r
  WHERE r.region = o.region AND r.order_id = o.id AND r.status IN ('pending', 'succeeded', 'failed'))`,
	"orders that will not be sent and still hold units": `
SELECT count(*)
FROM orders o
JOIN reservations r ON r.order_region = o.region AND r.order_id = o.id
WHERE o.status IN ('cancelled', 'refunded', 'returned') AND r.status IN ('held', 'allocated')`,
	"payments whose promised refunds do not add up": `
SELECT count(*)
FROM payments p
WHERE p.refunded_minor <> (
  SELECT coalesce(sum(r.amount_minor), 0)
  FROM refunds r
  WHERE r.region = p.region AND r.payment_id = p.id AND r.status IN ('pending', 'succeeded'))`,
	"paid orders without their money": `
SELECT count(*)
FROM orders o
JOIN payments p ON p.region = o.region AND p.id = o.id
WHERE o.status NOT IN ('pending_payment', 'cancelled') AND (p.status <> 'captured' OR p.captured_minor <> o.total_minor)`,
	"orders whose discounts are not those of their lines and promotions": `
SELECT count(*)
FROM orders o
WHERE o.discount_minor <> (SELECT sum(l.discount_minor) FROM order_lines l WHERE l.region = o.region AND l.order_id = o.id)
  OR o.discount_minor <> (SELECT coalesce(sum(g.discount_minor), 0) FROM order_promotions g WHERE g.region = o.region AND g.order_id = o.id)`,
	"promotions whose uses are not those of their orders": `
SELECT count(*)
FROM promotion_uses u
WHERE u.used <> (SELECT count(*) FROM order_promotions g WHERE g.promotion = u.promotion AND g.limited AND g.released_at IS NULL)`,
	"customers whose uses of promotions are not those of their orders": `
SELECT count(*)
FROM promotion_customer_uses u
WHERE u.used <> (SELECT count(*) FROM order_promotions g WHERE g.promotion = u.promotion AND g.customer = u.customer AND g.released_at IS NULL)`,
	"uses of promotions that go on although the order was cancelled, or the other way round": `
SELECT count(*)
FROM order_promotions g
JOIN orders o ON o.region = g.region AND o.id = g.order_id
WHERE (g.released_at IS NOT NULL) <> (o.status = 'cancelled')`,
	"orders whose totals do not add up": `
SELECT count(*)
FROM orders o
WHERE o.total_minor - o.shipping_minor <> (SELECT sum(l.total_minor) FROM order_lines l WHERE l.region = o.region AND l.order_id = o.id)
  OR o.total_minor <> (SELECT p.amount_minor FROM payments p WHERE p.region = o.region AND p.id = o.id)`,
}

// wantSound fails the test if anything in the database is what it must never be.
func (s *shop) wantSound(t testing.TB) {
	t.Helper()
	for what, query := range unsound {
		if n := list[int64](t, s, query)[0]; n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

// bank is a payment provider whose answers the tests choose. It keeps no more than it was told.
type bank struct {
	mu       sync.Mutex
	outcomes map[string]payment.Outcome // by payment id
	refunds  map[string]payment.RefundInput
	started  map[string]payment.StartInput
	calls    map[string]int // by method

	asked    func(ctx context.Context)                            // by Find, before it answers; nil: nothing
	onStart  func(in payment.StartInput) (payment.Outcome, error) // nil: processing
	onFind   error
	onCancel error
	onRefund func(in payment.RefundInput) (payment.RefundOutcome, error) // nil: succeeded
}

func newBank() *bank {
	return &bank{
		outcomes: map[string]payment.Outcome{}, refunds: map[string]payment.RefundInput{},
		started: map[string]payment.StartInput{}, calls: map[string]int{},
	}
}

func (b *bank) Name() string { return "bank" }

func (b *bank) CheckMethod(string) error { return nil }

// set says what the bank will answer about a payment from now on.
func (b *bank) set(id string, outcome payment.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[id] = outcome
}

func (b *bank) Start(_ context.Context, in payment.StartInput) (payment.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["start"]++
	if err := in.Validate(); err != nil {
		return payment.Outcome{}, &payment.RejectedError{Code: "invalid", Message: err.Error()}
	}
	b.started[in.PaymentID] = in
	outcome, err := payment.Outcome{Status: payment.StatusProcessing, ProviderRef: "bank_1", Amount: in.Amount}, error(nil)
	if b.onStart != nil {
		outcome, err = b.onStart(in)
	}
	if err == nil {
		b.outcomes[in.PaymentID] = outcome
	}
	return outcome, err
}

func (b *bank) Find(ctx context.Context, asked payment.Asked) (payment.Outcome, error) {
	if b.asked != nil {
		b.asked(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["find"]++
	if b.onFind != nil {
		return payment.Outcome{}, b.onFind
	}
	outcome, ok := b.outcomes[asked.PaymentID]
	if !ok {
		return payment.Outcome{}, payment.ErrUnknownPayment
	}
	return outcome, nil
}

func (b *bank) Cancel(_ context.Context, asked payment.Asked) (payment.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["cancel"]++
	if b.onCancel != nil {
		return payment.Outcome{}, b.onCancel
	}
	outcome, ok := b.outcomes[asked.PaymentID]
	if !ok {
		return payment.Outcome{}, payment.ErrUnknownPayment
	}
	if !outcome.Status.Final() {
		outcome.Status = payment.StatusCancelled
		b.outcomes[asked.PaymentID] = outcome
	}
	return outcome, nil
}

func (b *bank) Refund(_ context.Context, in payment.RefundInput) (payment.RefundOutcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["refund"]++
	b.refunds[in.RefundID] = in
	if b.onRefund != nil {
		return b.onRefund(in)
	}
	return payment.RefundOutcome{Status: payment.RefundSucceeded, ProviderRef: "bank_r1", Amount: in.Amount}, nil
}

func (b *bank) ParseWebhook(http.Header, []byte, time.Time) (payment.Event, error) {
	return payment.Event{}, errors.New("the bank sends no webhooks")
}

// repaid is what the bank was told to give back of a payment.
func (b *bank) repaid(id string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum int64
	for _, refund := range b.refunds {
		if refund.PaymentID == id {
			sum += refund.Amount.Minor
		}
	}
	return sum
}
