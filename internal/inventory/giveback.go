package inventory

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// Reservation is a promise of units of one stock row to one order line.
type Reservation struct {
	Region    string
	ID        uuid.UUID
	SKU       string
	Warehouse string
	LineNo    int64
	Quantity  int64
	Status    string // held, allocated, released or shipped
}

// QueueOrderReservations adds an order's reservations, wherever they are, to a batch of
// reads. into is set when the batch is read.
func QueueOrderReservations(b *database.Batch, order regions.Ref, into *[]Reservation) {
	b.Queue(`
SELECT r.region, r.id, r.sku, r.warehouse, r.line_no, r.quantity, r.status
FROM orders o, unnest(o.stock_regions) AS place (region), reservations r
WHERE o.region = $1 AND o.id = $2 AND r.region = place.region AND r.order_id = o.id
ORDER BY r.line_no, r.warehouse, r.id`, order.Region, order.ID).Query(database.Collect(into, func(row pgx.CollectableRow) (Reservation, error) {
		var r Reservation
		err := row.Scan(&r.Region, &r.ID, &r.SKU, &r.Warehouse, &r.LineNo, &r.Quantity, &r.Status)
		return r, err
	}))
}

// QueueGiveBack puts quantity units of an allocated reservation, not yet shipped, back on
// sale. The caller guards the batch by the order's version: the reservation is as it was
// read.
func QueueGiveBack(b *database.Batch, r Reservation, quantity int64, cause Cause) {
	if quantity == r.Quantity {
		b.Queue(`
UPDATE reservations SET status = 'released', transition_id = $3, updated_at = now()
WHERE region = $1 AND id = $2`, r.Region, r.ID, cause.TransitionID)
	} else {
		b.Queue(`
UPDATE reservations SET quantity = quantity - $3, updated_at = now()
WHERE region = $1 AND id = $2`, r.Region, r.ID, quantity)
	}
	b.Queue(`
UPDATE stock s SET allocated = s.allocated - $4, updated_at = now()`+bandMoved(`+ $4`)+`
WHERE s.region = $1 AND s.sku = $2 AND s.warehouse = $3`, r.Region, r.SKU, r.Warehouse, quantity)
	queueMovement(b, movement{
		region: r.Region, sku: r.SKU, warehouse: r.Warehouse, kind: "deallocate",
		allocated: -quantity, actor: cause.Actor, reference: cause.OrderID,
	})
}

// QueueReturn takes quantity units of a shipped reservation back into its warehouse. The
// caller guards the batch by the order's version.
func QueueReturn(b *database.Batch, r Reservation, quantity int64, cause Cause) {
	b.Queue(`
UPDATE stock s SET on_hand = s.on_hand + $4, updated_at = now()`+bandMoved(`+ $4`)+`
WHERE s.region = $1 AND s.sku = $2 AND s.warehouse = $3`, r.Region, r.SKU, r.Warehouse, quantity)
	queueMovement(b, movement{
		region: r.Region, sku: r.SKU, warehouse: r.Warehouse, kind: "return",
		onHand: quantity, actor: cause.Actor, reference: cause.OrderID,
	})
}

// movement is a row of the ledger.
type movement struct {
	region, sku, warehouse, kind string
	onHand, reserved, allocated  int64
	reason, actor, reference     string
}

func queueMovement(b *database.Batch, m movement) {
	// $1 = region, $2 = SKU, $3 = warehouse, $4 = kind, $5, $6, $7 = changes of on_hand,
	// reserved, allocated, $8 = reason, $9 = actor, $10 = reference
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, on_hand_delta, reserved_delta, allocated_delta, reason, actor, reference)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		m.region, m.sku, m.warehouse, m.kind, m.onHand, m.reserved, m.allocated, m.reason, m.actor, m.reference)
}
