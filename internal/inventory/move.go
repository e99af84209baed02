package inventory

import "meridian/internal/database"

// Move is what a transition of an order does to the units it holds: which reservations it
// takes, what they become, and how each unit changes the counters of its stock row.
type Move struct {
	kind                        string
	from, to                    string
	onHand, reserved, allocated int64
}

// The moves an order can make.
var (
	// AllocateHeld gives a paid order the units held for it.
	AllocateHeld = Move{kind: "allocate", from: "held", to: "allocated", reserved: -1, allocated: +1}
	// ReleaseHeld puts the units held for an unpaid order back on sale.
	ReleaseHeld = Move{kind: "release", from: "held", to: "released", reserved: -1}
	// ReleaseAllocated puts the units of a paid order that will not be sent back on sale.
	ReleaseAllocated = Move{kind: "deallocate", from: "allocated", to: "released", allocated: -1}
	// ShipAllocated takes the units out of the building.
	ShipAllocated = Move{kind: "ship", from: "allocated", to: "shipped", onHand: -1, allocated: -1}
)

// Holders is SQL that names orders whose stock a batch moves: a query of the columns id,
// transition_id, actor and reference (see Cause) and region, with a row for each region in whose
// warehouses the order holds units. Its arguments are named, none of them states, kind, from, to,
// on_hand, reserved or allocated.
type Holders database.Query

// QueueMoves adds the same move of several orders to the batch of their transitions, after the
// statement that makes the transitions. moved names the orders whose transition happened: the
// others move nothing. It finds the reservations by itself, so the caller need not have read
// them. The batch begins with QueueLock.
func QueueMoves(b *database.Batch, move Move, moved Holders) {
	b.QueueArgs(`
UPDATE reservations r SET status = @to, transition_id = o.transition_id, updated_at = now()
FROM (`+moved.SQL+`) AS o
WHERE r.region = o.region AND r.order_id = o.id AND r.status = @from`,
		moved.Args.With(database.Args{"from": move.from, "to": move.to}))
	perUnit := moved.Args.With(database.Args{"on_hand": move.onHand, "reserved": move.reserved, "allocated": move.allocated})
	b.QueueArgs(`
UPDATE stock s SET
  on_hand = s.on_hand + @on_hand::int8 * moved.quantity,
  reserved = s.reserved + @reserved::int8 * moved.quantity,
  allocated = s.allocated + @allocated::int8 * moved.quantity,
  updated_at = now()`+bandMoved(`+ (@on_hand::int8 - @reserved::int8 - @allocated::int8) * moved.quantity`)+`
FROM (
  SELECT r.region, r.sku, r.warehouse, sum(r.quantity)::int8 AS quantity`+moved.reservations()+`
  GROUP BY r.region, r.sku, r.warehouse
) AS moved
WHERE s.region = moved.region AND s.sku = moved.sku AND s.warehouse = moved.warehouse`, perUnit)
	b.QueueArgs(`
INSERT INTO stock_movements (region, sku, warehouse, kind, on_hand_delta, reserved_delta, allocated_delta, actor, reference)
SELECT moved.region, moved.sku, moved.warehouse, @kind::text,
  @on_hand::int8 * moved.quantity, @reserved::int8 * moved.quantity, @allocated::int8 * moved.quantity, moved.actor, moved.reference
FROM (
  SELECT r.region, r.sku, r.warehouse, o.actor, o.reference, sum(r.quantity)::int8 AS quantity`+moved.reservations()+`
  GROUP BY r.region, r.sku, r.warehouse, o.actor, o.reference
) AS moved`, perUnit.With(database.Args{"kind": move.kind}))
}

// reservations returns the FROM clause of the reservations (as r) that the transitions of orders (as
// o) changed: none of a transition that did not happen.
func (h Holders) reservations() string {
	return `
  FROM (` + h.SQL + `) AS o
  JOIN reservations r ON r.region = o.region AND r.order_id = o.id AND r.transition_id = o.transition_id`
}

// ParcelsSQL returns a query of the warehouses (order_id, warehouse) whose units the transitions
// of orders moved.
func ParcelsSQL(moved Holders) string {
	return `SELECT DISTINCT o.id AS order_id, r.warehouse` + moved.reservations()
}

// QueueLock adds, as the first statement of a batch that will move the stock of orders, the
// locking of their stock rows, in the one order in which everybody takes them. Starting with
// the locks makes the batch wait where waiting is cheap: before it has done or read anything.
func QueueLock(b *database.Batch, orders Holders) {
	b.QueueArgs(`
SELECT s.region
FROM (
  SELECT DISTINCT r.region, r.sku, r.warehouse
  FROM (`+orders.SQL+`) AS o
  JOIN reservations r ON r.region = o.region AND r.order_id = o.id
) AS held
JOIN stock s ON s.region = held.region AND s.sku = held.sku AND s.warehouse = held.warehouse`+lockOrder+`
FOR UPDATE OF s`, orders.Args)
}
