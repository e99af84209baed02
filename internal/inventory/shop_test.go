package inventory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// shop is a database that sells the SKUs A, B and C and has none of them yet. OLD is
// archived.
type shop struct {
	*inventory.Stock
	db *database.DB
}

func newShop(t testing.TB, options ...databasetest.Option) *shop {
	t.Helper()
	db := databasetest.New(t, options...)
	set := testkit.Must(regions.Shipped())(t)
	s := &shop{Stock: inventory.New(inventory.Config{DB: db, Regions: set}), db: db}
	testkit.NoError(t, inventory.SyncWarehouses(t.Context(), db, set))
	databasetest.Exec(t, s.db, `INSERT INTO sellers (id, slug, name) VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'Acme')`)
	databasetest.Exec(t, s.db, `INSERT INTO categories (id, slug, name, path, level) VALUES ('hg', 'home', 'Home', '/hg/', 1)`)
	databasetest.Exec(t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, status)
VALUES ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000001', 'mug', 'mug', 'Mug', 'hg', 'active')`)
	databasetest.Exec(t, s.db, `
INSERT INTO skus (sku, product_id, status)
SELECT s.sku, '00000000-0000-4000-8000-0000000000a1', s.status
FROM (VALUES ('A', 'active'), ('B', 'active'), ('C', 'active'), ('OLD', 'archived')) AS s (sku, status)`)
	return s
}

// by is what an operator's input says besides the units.
func by(reason string) inventory.Operation {
	return inventory.Operation{Actor: "usr_euw_test", Reason: reason}
}

// stock receives units.
func (s *shop) stock(t testing.TB, warehouse, sku string, units int64) {
	t.Helper()
	testkit.Must(s.Receive(t.Context(), inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: units, Operation: by("delivery")}))(t)
}

// placed is an order that holds units.
type placed struct {
	ref   regions.Ref
	cause inventory.Cause
}

// place inserts the row of an order and reserves the allocations in the same batch.
func (s *shop) place(ctx context.Context, region string, allocations []inventory.Allocation) (placed, error) {
	var p placed
	err := s.db.Write(ctx, func(b *database.Batch) error {
		p = placed{ref: regions.Ref{Region: region, ID: uuid.New()}}
		p.cause = inventory.Cause{Order: p.ref, OrderID: "ord_test", TransitionID: uuid.New(), Actor: "guest"}
		var places []string
		for _, a := range allocations {
			places = append(places, a.Region)
		}
		b.Queue(`
INSERT INTO orders (region, id, cart_region, cart_id, status, transition_id, stock_regions, currency, country,
  subtotal_minor, shipping_minor, tax_minor, total_minor, prices_include_tax, email, ship_to, expires_at)
SELECT $1, $2, $1, gen_random_uuid(), 'pending_payment', $3,
  ARRAY(SELECT DISTINCT p.region::crdb_internal_region FROM unnest($4::text[]) AS p (region)),
  'EUR', 'IE', 0, 0, 0, 0, true, 'a@example.com', '{}', $5`,
			p.ref.Region, p.ref.ID, p.cause.TransitionID, places, time.Now().Add(time.Hour))
		inventory.QueueReserve(b, inventory.Hold{Cause: p.cause, Allocations: allocations})
		return nil
	})
	return p, err
}

// move carries the order through a transition with a move. Where allowed is false the
// transition's own statement changes nothing.
func (s *shop) move(ctx context.Context, p *placed, move inventory.Move, allowed bool) error {
	next := p.cause
	next.TransitionID = uuid.New()
	err := s.db.Write(ctx, func(b *database.Batch) error {
		b.Queue(`UPDATE orders SET transition_id = $3, version = version + 1 WHERE region = $1 AND id = $2 AND $4::bool`,
			p.ref.Region, p.ref.ID, next.TransitionID, allowed)
		inventory.QueueMoves(b, move, next)
		return nil
	})
	if err == nil && allowed {
		p.cause = next
	}
	return err
}

// counters are a stock row's, in a line: on_hand/reserved/allocated.
func (s *shop) counters(t testing.TB, warehouse, sku string) string {
	t.Helper()
	level := testkit.Must(s.Get(context.Background(), warehouse, sku))(t)
	return fmt.Sprintf("%d/%d/%d", level.OnHand, level.Reserved, level.Allocated)
}

// wantBalanced fails the test unless every counter is the sum of its movements, and
// reserved and allocated those of the reservations.
func (s *shop) wantBalanced(t testing.TB) {
	t.Helper()
	n := databasetest.One[int64](t, s.db, `
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
  OR s.reserved <> coalesce(r.held, 0) OR s.allocated <> coalesce(r.allocated, 0)`)
	if n != 0 {
		t.Errorf("%d stock rows are not the sums of their ledgers and reservations", n)
	}
}

// events is how many events of a topic there are.
func (s *shop) events(t testing.TB, topic string) int64 {
	t.Helper()
	return databasetest.One[int64](t, s.db, `SELECT count(*) FROM outbox WHERE topic = $1`, topic)
}

// from allocates units of A from a warehouse.
func from(region, warehouse string, units int64) []inventory.Allocation {
	return []inventory.Allocation{{Region: region, Warehouse: warehouse, SKU: "A", LineNo: 1, Quantity: units}}
}
