package verify_test

import (
	"crypto/sha256"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/promotion"
	"meridian/internal/rating"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/shoptest"
	"meridian/regions"
)

// shop is a shop in which everything has happened once, by the shop's own code, to orders
// of a guest in Ireland and a customer in the United States.
type shop struct {
	*shoptest.Shop
	db        *database.DB
	regions   *regions.Set
	carts     *cart.Carts
	orders    *order.Orders
	inventory *inventory.Stock
	customer  regions.Ref
	places    atomic.Int64
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := emptyShop(t)
	s.seed(t)
	s.trade(t)
	return s
}

// tables are all that a shop fills, parents first.
var tables = []string{
	"sellers", "categories", "products", "category_products", "skus", "price_entries", "fx_rates", "promotions", "email_directory",
	"accounts", "addresses",
	"stock", "carts", "cart_lines", "orders", "order_lines", "order_history", "promotion_uses", "promotion_customer_uses",
	"order_promotions", "payments", "refunds", "shipments",
	"reservations", "stock_movements", "ratings", "product_ratings", "outbox", "idempotency_keys",
}

// dump is the rows of the shop's tables as JSON.
func (s *shop) dump(t testing.TB) []string {
	t.Helper()
	var rows []string
	for _, table := range tables {
		rows = append(rows, databasetest.One[string](t, s.db, `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM `+table+` t`))
	}
	return rows
}

// restoredShop is a shop with the rows of another: quicker than to let everything happen again.
func restoredShop(t testing.TB, rows []string) *shop {
	t.Helper()
	s := emptyShop(t)
	written := make([]string, len(tables)) // the columns that are, not those that the database works out
	for i, table := range tables {
		written[i] = databasetest.One[string](t, s.db, `
SELECT string_agg(column_name, ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_name = '`+table+`' AND is_generated = 'NEVER'`)
	}
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		for i, table := range tables {
			b.Queue(`INSERT INTO `+table+` (`+written[i]+`) SELECT `+written[i]+`
  FROM jsonb_populate_recordset(NULL::`+table+`, $1::text::jsonb)`, rows[i])
		}
		return nil
	}))
	return s
}

func emptyShop(t testing.TB) *shop {
	t.Helper()
	kit := shoptest.New(t, shoptest.Config{
		Clock: testkit.RunningClock(),
		// Nobody asks it: the tests say what became of the payments.
		Providers: map[string]payment.Provider{"sandbox": nil},
	})
	return &shop{
		Shop: kit, db: kit.DB, regions: kit.Regions, carts: kit.Carts, orders: kit.Orders, inventory: kit.Stock,
		customer: regions.Ref{Region: "us-east", ID: uuid.MustParse("00000000-0000-4000-8000-0000000000d1")},
	}
}

// seed fills the catalogue, the warehouses and the accounts.
func (s *shop) seed(t testing.TB) {
	t.Helper()
	databasetest.Exec(t, s.db, `INSERT INTO sellers (id, slug, name) VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'Acme')`)
	databasetest.Exec(t, s.db, `INSERT INTO categories (id, slug, name, path, level) VALUES ('hg', 'home', 'Home', '/hg/', 1)`)
	databasetest.Exec(t, s.db, `INSERT INTO categories (id, parent_id, slug, name, path, level)
  VALUES ('hg-1', 'hg', 'mugs', 'Mugs', '/hg/hg-1/', 2)`)
	databasetest.Exec(t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, status)
VALUES
  ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000001', 'mug', 'mug', 'Mug', 'hg-1', 'active'),
  ('00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-000000000001', 'pot', 'pot', 'Pot', 'hg-1', 'draft')`)
	databasetest.Exec(t, s.db, `
INSERT INTO category_products (category_id, product_id, listed_at)
SELECT c.id, '00000000-0000-4000-8000-0000000000a1', now() FROM categories c`)
	databasetest.Exec(t, s.db, `
INSERT INTO skus (sku, product_id)
SELECT k.sku, '00000000-0000-4000-8000-0000000000a1' FROM (VALUES ('MUG-RED'), ('MUG-BLUE')) AS k (sku)`)
	databasetest.Exec(t, s.db, `
INSERT INTO price_entries (sku, list, min_quantity, valid_from, valid_to, amount_minor)
VALUES ('MUG-RED', 'catalogue-EUR', 1, '2020-01-01', '2021-01-01', 1200), ('MUG-RED', 'catalogue-EUR', 1, '2021-01-01', NULL, 1250),
  ('MUG-BLUE', 'catalogue-EUR', 1, '2020-01-01', NULL, 999), ('MUG-RED', 'catalogue-USD', 1, '2020-01-01', NULL, 1300),
  ('MUG-BLUE', 'catalogue-USD', 1, '2020-01-01', NULL, 1050)`)
	databasetest.Exec(t, s.db, `
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from)
VALUES ('USD', 'ecb', '2020-01-01', '1.17', 'in_force', '2020-01-01')`)
	s.offer(t)
	var receipts []inventory.Receipt
	for _, warehouse := range []string{"euw-1", "use-1"} {
		for _, sku := range []string{"MUG-RED", "MUG-BLUE"} {
			receipts = append(receipts, inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: 60})
		}
	}
	testkit.NoError(t, s.inventory.ReceiveMany(t.Context(), receipts))
	s.register(t, s.customer, "US")
	s.register(t, regions.Ref{Region: "eu-west", ID: uuid.MustParse("00000000-0000-4000-8000-0000000000d2")}, "IE")
}

// offer takes ten percent off all orders, which counts against limits.
func (s *shop) offer(t testing.TB) {
	t.Helper()
	ten := promotion.Promotion{
		ID: "ten", Title: "Ten percent", TotalLimit: 1000, CustomerLimit: 1000, Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: 1000},
	}
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		return promotion.QueuePut(b, ten, uuid.New(), time.Now().Add(-time.Hour))
	}))
}

// register makes an account as package account does.
func (s *shop) register(t testing.TB, ref regions.Ref, country string) {
	t.Helper()
	hash := sha256.Sum256(ref.ID[:])
	databasetest.Exec(t, s.db, `INSERT INTO email_directory (email_hash, region, account_id) VALUES ($1, $2, $3)`, hash[:], ref.Region, ref.ID)
	databasetest.Exec(t, s.db, `
INSERT INTO accounts (region, id, email, email_hash, name, country, password_hash)
VALUES ($1, $2, 'someone@example.com', $3, 'Someone', $4, 'x')`, ref.Region, ref.ID, hash[:], country)
	databasetest.Exec(t, s.db, `
INSERT INTO addresses (region, id, account_id, name, line1, city, country)
VALUES ($1, gen_random_uuid(), $2, 'Someone', 'Street 1', 'City', $3)`, ref.Region, ref.ID, country)
}

// place orders two red mugs and three blue ones: for the customer, or for a guest.
func (s *shop) place(t testing.TB, customer bool) order.Order {
	t.Helper()
	ctx := t.Context()
	lines := []cart.Change{{Op: cart.OpAdd, SKU: "MUG-RED", Quantity: 2}, {Op: cart.OpAdd, SKU: "MUG-BLUE", Quantity: 3}}
	in := order.PlaceInput{
		Email: "someone@example.com", Provider: "sandbox", Method: "card",
		ShipTo: order.Address{Name: "Someone", Line1: "Street 1", City: "Dublin", Country: "IE"},
	}
	if customer {
		in.Account = &s.customer
		in.ShipTo = order.Address{Name: "Someone", Line1: "Street 1", City: "Boston", State: "MA", Postcode: "02108", Country: "US"}
	}
	bought := testkit.Must(s.carts.Create(ctx, cart.CreateInput{Account: in.Account, Country: in.ShipTo.Country, Lines: lines}))(t)
	in.Cart = bought.Ref
	in.Idempotency = s.IdempotencyKey(bought, uuid.NewString())
	s.places.Add(1)
	return testkit.Must(s.orders.Place(ctx, in))(t)
}

// settle tells the shop what became of an order's payment.
func (s *shop) settle(t testing.TB, o order.Order, status payment.Status) {
	t.Helper()
	s.Settle(t, o, shoptest.Outcome(o, status))
}

// trade lets everything happen to orders that can happen to one.
func (s *shop) trade(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	command := func(o order.Order) order.Command {
		return order.Command{Order: o.Ref, Actor: "system", Reason: "test"}
	}
	to := func(o order.Order, status order.Status) {
		t.Helper()
		s.settle(t, o, payment.StatusSucceeded)
		steps := []func() error{
			func() error { _, err := s.orders.Pack(ctx, command(o)); return err },
			func() error {
				_, err := s.orders.Ship(ctx, order.ShipInput{Command: command(o), Carrier: "Post"})
				return err
			},
			func() error { _, err := s.orders.Deliver(ctx, command(o)); return err },
		}
		for i, reached := range []order.Status{order.Paid, order.Packed, order.Shipped} {
			if status == reached {
				return
			}
			testkit.NoError(t, steps[i]())
		}
	}
	refund := func(o order.Order, in order.RefundInput) {
		t.Helper()
		in.Command = command(o)
		testkit.Must(s.orders.Refund(ctx, in))(t)
	}
	for _, customer := range []bool{false, true} {
		s.place(t, customer) // waits for its payment
		for _, status := range []order.Status{order.Paid, order.Packed, order.Shipped, order.Delivered} {
			to(s.place(t, customer), status)
		}
	}
	failed := s.place(t, false)
	s.settle(t, failed, payment.StatusFailed)
	s.settle(t, failed, payment.StatusSucceeded) // too late: refunded by itself
	cancelled := s.place(t, true)
	testkit.Must(s.orders.Cancel(ctx, order.CancelInput{Command: command(cancelled)}))(t)
	oneMug := []order.RefundUnits{{LineNo: 1, Quantity: 1}}
	partly := s.place(t, false)
	to(partly, order.Paid)
	refund(partly, order.RefundInput{Lines: oneMug})
	testkit.Must(s.orders.Pack(ctx, command(partly)))(t)
	testkit.Must(s.orders.Ship(ctx, order.ShipInput{Command: command(partly)}))(t)
	refund(partly, order.RefundInput{Lines: oneMug, Restock: true})
	refund(partly, order.RefundInput{AmountMinor: 100})
	whole := s.place(t, true)
	to(whole, order.Packed)
	refund(whole, order.RefundInput{})
	returned := s.place(t, false)
	to(returned, order.Delivered)
	var all []order.RefundUnits
	for _, line := range returned.Lines {
		all = append(all, order.RefundUnits{LineNo: line.LineNo, Quantity: line.Quantity})
	}
	refund(returned, order.RefundInput{Restock: true, Lines: all})
	s.rate(t)
}

// rate lets the customer change their mind about the mug.
func (s *shop) rate(t testing.TB) {
	t.Helper()
	ratings := order.NewRatings(s.db)
	for _, stars := range []int64{2, 4} {
		testkit.Must(ratings.Put(t.Context(), rating.Key{Customer: s.customer, Product: uuid.MustParse("00000000-0000-4000-8000-0000000000a1")},
			stars))(t)
	}
}

// plenty is stock for more orders than a test places.
func plenty() []inventory.Receipt {
	var receipts []inventory.Receipt
	for _, sku := range []string{"MUG-RED", "MUG-BLUE"} {
		receipts = append(receipts, inventory.Receipt{SKU: sku, Warehouse: "euw-1", Quantity: 100_000})
	}
	return receipts
}
