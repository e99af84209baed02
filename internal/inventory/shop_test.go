package inventory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/internal/testkit/shoptest"
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
	db, set := databasetest.New(t, options...), testkit.Must(regions.Shipped())(t)
	testkit.NoError(t, inventory.SyncWarehouses(t.Context(), db, set))
	seed.Products(t, db, seed.Product{Slug: "mug", SKUs: []seed.SKU{{Code: "A"}, {Code: "B"}, {Code: "C"}, {Code: "OLD", Status: "archived"}}})
	return &shop{Stock: inventory.New(inventory.Config{DB: db, Regions: set}), db: db}
}

// by returns an operator's operation.
func by(reason string) inventory.Operation { return shoptest.By(reason) }

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
		o := seed.NewOrder(region)
		for _, a := range allocations {
			o.Regions = append(o.Regions, a.Region)
		}
		o.Queue(b)
		p = placed{ref: o.Ref, cause: inventory.Cause{Order: o.Ref, OrderID: "ord_test", TransitionID: o.Transition, Actor: "guest"}}
		inventory.QueueReserve(b, inventory.Unlimited, inventory.Hold{Cause: p.cause, Allocations: allocations})
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
		inventory.QueueMoves(b, move, order.Moved(next))
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
	shoptest.WantStockSound(t, s.db)
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
