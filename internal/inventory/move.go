package inventory

import (
	"meridian/internal/database"
)

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

// QueueMove adds a move to the batch of the transition named by cause, after the
// statement that makes the transition. It finds the reservations by itself, in the
// regions the order names, so the caller need not have read them.
func QueueMove(b *database.Batch, move Move, cause Cause) {
	// $1 = order region, $2 = order, $3 = transition, $4 = from, $5 = to
	b.Queue(`
UPDATE reservations r SET status = $5, transition_id = $3, updated_at = now()
FROM orders o, unnest(o.stock_regions) AS place (region)
WHERE o.region = $1 AND o.id = $2 AND o.transition_id = $3
  AND r.region = place.region AND r.order_id = o.id AND r.status = $4`,
		cause.Order.Region, cause.Order.ID, cause.TransitionID, move.from, move.to)
	// $1 = order region, $2 = order, $3 = transition,
	// $4, $5, $6 = change of on_hand, reserved, allocated for each unit
	b.Queue(`
UPDATE stock s SET
  on_hand = s.on_hand + $4::int8 * moved.quantity,
  reserved = s.reserved + $5::int8 * moved.quantity,
  allocated = s.allocated + $6::int8 * moved.quantity,
  updated_at = now()
FROM (`+movedQuery+`) AS moved
WHERE s.region = moved.region AND s.sku = moved.sku AND s.warehouse = moved.warehouse`,
		cause.Order.Region, cause.Order.ID, cause.TransitionID, move.onHand, move.reserved, move.allocated)
	// $1 = order region, $2 = order, $3 = transition, $4, $5, $6 = changes for each unit,
	// $7 = kind, $8 = actor, $9 = the order's public id
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, on_hand_delta, reserved_delta, allocated_delta, actor, reference)
SELECT moved.region, moved.sku, moved.warehouse, $7::text,
  $4::int8 * moved.quantity, $5::int8 * moved.quantity, $6::int8 * moved.quantity, $8::text, $9::text
FROM (`+movedQuery+`) AS moved`,
		cause.Order.Region, cause.Order.ID, cause.TransitionID, move.onHand, move.reserved, move.allocated,
		move.kind, cause.Actor, cause.OrderID)
}

// movedQuery is what the reservations that a transition ($1, $2, $3) changed amount to,
// by stock row. It is empty if the transition did not happen.
const movedQuery = `
  SELECT r.region, r.sku, r.warehouse, sum(r.quantity)::int8 AS quantity
  FROM orders o, unnest(o.stock_regions) AS place (region), reservations r
  WHERE o.region = $1 AND o.id = $2 AND o.transition_id = $3
    AND r.region = place.region AND r.order_id = o.id AND r.transition_id = $3
  GROUP BY r.region, r.sku, r.warehouse
`
