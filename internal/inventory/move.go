package inventory

import (
	"meridian/internal/database"
	"meridian/regions"
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

// QueueMoves adds the same move of several orders to the batch of their transitions, each
// named by its cause, after the statement that makes the transitions. It finds the
// reservations by itself, in the regions the orders name, so the caller need not have read
// them. The batch begins with QueueLock.
func QueueMoves(b *database.Batch, move Move, causes ...Cause) {
	var c causeColumns
	for _, cause := range causes {
		c.add(cause)
	}
	// $1 = orders' regions, $2 = orders, $3 = transitions, $4 = from, $5 = to
	b.Queue(`
UPDATE reservations r SET status = $5, transition_id = o.transition_id, updated_at = now()
FROM `+movedOrders+`, unnest(o.stock_regions) AS place (region)
WHERE `+orderMoved+` AND r.region = place.region AND r.order_id = o.id AND r.status = $4`,
		c.regions, c.ids, c.transitions, move.from, move.to)
	// $1 = orders' regions, $2 = orders, $3 = transitions,
	// $4, $5, $6 = change of on_hand, reserved, allocated for each unit
	b.Queue(`
UPDATE stock s SET
  on_hand = s.on_hand + $4::int8 * moved.quantity,
  reserved = s.reserved + $5::int8 * moved.quantity,
  allocated = s.allocated + $6::int8 * moved.quantity,
  updated_at = now()`+bandMoved(`+ ($4::int8 - $5::int8 - $6::int8) * moved.quantity`)+`
FROM (
  SELECT r.region, r.sku, r.warehouse, sum(r.quantity)::int8 AS quantity
  FROM `+movedReservations+`
  GROUP BY r.region, r.sku, r.warehouse
) AS moved
WHERE s.region = moved.region AND s.sku = moved.sku AND s.warehouse = moved.warehouse`,
		c.regions, c.ids, c.transitions, move.onHand, move.reserved, move.allocated)
	// $1 = orders' regions, $2 = orders, $3 = transitions, $4, $5, $6 = changes for each
	// unit, $7 = kind, $8 = actors, $9 = the orders' public ids
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, on_hand_delta, reserved_delta, allocated_delta, actor, reference)
SELECT moved.region, moved.sku, moved.warehouse, $7::text,
  $4::int8 * moved.quantity, $5::int8 * moved.quantity, $6::int8 * moved.quantity, cause.actor, cause.reference
FROM (
  SELECT r.region, r.sku, r.warehouse, r.transition_id, sum(r.quantity)::int8 AS quantity
  FROM `+movedReservations+`
  GROUP BY r.region, r.sku, r.warehouse, r.transition_id
) AS moved
JOIN unnest($3::uuid[], $8::text[], $9::text[]) AS cause (transition_id, actor, reference) ON cause.transition_id = moved.transition_id`,
		c.regions, c.ids, c.transitions, move.onHand, move.reserved, move.allocated, move.kind, c.actors, c.references)
}

// movedOrders are the orders that transitions ($1 regions, $2 orders, $3 transitions) may
// have changed; orderMoved is true of those that they did.
const (
	movedOrders = `unnest($1::text[], $2::uuid[], $3::uuid[]) AS t (region, order_id, transition_id), orders o`
	orderMoved  = `o.region = t.region::crdb_internal_region AND o.id = t.order_id AND o.transition_id = t.transition_id`
)

// movedReservations are those that the transitions changed: none of a transition that did
// not happen.
const movedReservations = movedOrders + `, unnest(o.stock_regions) AS place (region), reservations r
  WHERE ` + orderMoved + ` AND r.region = place.region AND r.order_id = o.id AND r.transition_id = o.transition_id`

// QueueLock adds, as the first statement of a batch that will move the stock of orders, the
// locking of their stock rows, in the one order in which everybody takes them. An order
// that is in none of the given states locks nothing. Starting with the locks makes the
// batch wait where waiting is cheap: before it has done or read anything.
func QueueLock(b *database.Batch, states []string, orders ...regions.Ref) {
	homes, ids := regions.Columns(orders)
	// $1 = orders' regions, $2 = orders, $3 = states
	b.Queue(`
SELECT s.region
FROM (
  SELECT DISTINCT r.region, r.sku, r.warehouse
  FROM unnest($1::text[], $2::uuid[]) AS t (region, order_id), orders o, unnest(o.stock_regions) AS place (region), reservations r
  WHERE o.region = t.region::crdb_internal_region AND o.id = t.order_id AND o.status = ANY($3::text[])
    AND r.region = place.region AND r.order_id = o.id
) AS held
JOIN stock s ON s.region = held.region AND s.sku = held.sku AND s.warehouse = held.warehouse`+lockOrder+`
FOR UPDATE OF s`, homes, ids, states)
}
