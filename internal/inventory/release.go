package inventory

import (
	"github.com/google/uuid"

	"meridian/internal/database"
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

// QueueOrderReservations adds the reservations of orders, wherever they are, to a batch of
// reads. into is set when the batch is read.
func QueueOrderReservations(b *database.Batch, orders Holders, into *[]Reservation) {
	b.QueueArgs(`
SELECT `+database.Select[Reservation]("r")+`
FROM (`+orders.SQL+`) AS o
JOIN reservations r ON r.region = o.region AND r.order_id = o.id
ORDER BY r.line_no, r.warehouse, r.id`, orders.Args).Query(database.Collect(into, database.Scan[Reservation]))
}

// QueueRelease puts quantity units of an allocated reservation, not yet shipped, back on
// sale. The caller guards the batch by the order's version: the reservation is as it was
// read.
func QueueRelease(b *database.Batch, r Reservation, quantity int64, cause Cause) {
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
	queueMovements(b, movement{rowKey: r.rowKey(), Kind: "deallocate", AllocatedDelta: -quantity, Actor: cause.Actor,
		Reference: cause.OrderID})
}

// QueueReturn takes quantity units of a shipped reservation back into its warehouse. The
// caller guards the batch by the order's version.
func QueueReturn(b *database.Batch, r Reservation, quantity int64, cause Cause) {
	queueChange(b, r.rowKey(), quantity)
	queueMovements(b, movement{rowKey: r.rowKey(), Kind: "return", OnHandDelta: quantity, Actor: cause.Actor, Reference: cause.OrderID})
}

func (r Reservation) rowKey() rowKey {
	return rowKey{Region: r.Region, SKU: r.SKU, Warehouse: r.Warehouse}
}

// movement is a row of the ledger as it is written.
type movement struct {
	rowKey
	Kind                                       string
	OnHandDelta, ReservedDelta, AllocatedDelta int64
	Reason, Actor, Reference                   string
}

func queueMovements(b *database.Batch, movements ...movement) {
	database.QueueInsert(b, "stock_movements", movements)
}
