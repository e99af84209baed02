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

// Taken is units of a reservation.
type Taken struct {
	Reservation
	Units int64
}

// released is how many units leave a reservation.
type released struct {
	Region string
	ID     uuid.UUID
	Units  int64 `db:"units"`
}

// QueueRelease puts units of allocated reservations, not yet shipped, back on sale. A reservation may
// be named more than once. The caller guards the batch by the order's version, so that the reservations
// are as they were read, and has locked their stock rows (QueueLock). Three statements, whatever the
// number of reservations: they may be far.
func QueueRelease(b *database.Batch, cause Cause, taken ...Taken) {
	if len(taken) == 0 {
		return
	}
	rows := make([]released, len(taken))
	moved := make([]movement, len(taken))
	for i, t := range taken {
		rows[i] = released{Region: t.Region, ID: t.ID, Units: t.Units}
		moved[i] = movement{rowKey: t.rowKey(), Kind: "deallocate", AllocatedDelta: -t.Units, Actor: cause.Actor, Reference: cause.OrderID}
	}
	b.QueueArgs(`
UPDATE reservations r SET
  status = CASE WHEN r.quantity = n.units THEN 'released' ELSE r.status END,
  transition_id = CASE WHEN r.quantity = n.units THEN @transition::uuid ELSE r.transition_id END,
  quantity = CASE WHEN r.quantity = n.units THEN r.quantity ELSE r.quantity - n.units END, updated_at = now()
FROM (
  SELECT t.region, t.id, sum(t.units)::int8 AS units
  FROM `+database.Unnest[released]("t")+`
  GROUP BY t.region, t.id
) AS n
WHERE r.region = n.region::crdb_internal_region AND r.id = n.id`,
		database.Columns(rows).With(database.Args{"transition": cause.TransitionID}))
	queueMoved(b, moved)
}

// QueueReturn takes units of shipped reservations back into their warehouses. A reservation may be
// named more than once. The caller guards the batch by the order's version. Two statements.
func QueueReturn(b *database.Batch, cause Cause, taken ...Taken) {
	if len(taken) == 0 {
		return
	}
	moved := make([]movement, len(taken))
	for i, t := range taken {
		moved[i] = movement{rowKey: t.rowKey(), Kind: "return", OnHandDelta: t.Units, Actor: cause.Actor, Reference: cause.OrderID}
	}
	queueMoved(b, moved)
}

// queueMoved changes stock rows by what the ledger says of them, and writes the ledger.
func queueMoved(b *database.Batch, moved []movement) {
	b.QueueArgs(`
UPDATE stock s SET
  on_hand = s.on_hand + n.on_hand, reserved = s.reserved + n.reserved, allocated = s.allocated + n.allocated, updated_at = now()`+
		bandMoved(`+ (n.on_hand - n.reserved - n.allocated)`)+`
FROM (
  SELECT m.region, m.sku, m.warehouse, sum(m.on_hand_delta)::int8 AS on_hand, sum(m.reserved_delta)::int8 AS reserved,
    sum(m.allocated_delta)::int8 AS allocated
  FROM `+database.Unnest[movement]("m")+`
  GROUP BY m.region, m.sku, m.warehouse
) AS n
WHERE s.region = n.region::crdb_internal_region AND s.sku = n.sku AND s.warehouse = n.warehouse`, database.Columns(moved))
	queueMovements(b, moved...)
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
