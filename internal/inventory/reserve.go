package inventory

import (
	"math"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Cause is the order transition in whose batch stock moves.
type Cause struct {
	Order        regions.Ref `db:"order_*"`
	OrderID      string      `db:"reference"` // the order's public id, for the ledger
	TransitionID uuid.UUID
	Actor        string // who did it: a public id, or "system"
}

// Hold is what one new order wants held for it.
type Hold struct {
	Cause       Cause
	Allocations []Allocation // in the order that Allocate gives them
	// Guest says that the order is a guest's, which QueueReserve's limit is for.
	Guest bool
}

// An UnpaidLimit bounds the units that may be held for orders not yet paid: the greater of Units and Percent of the units that
// there are and that are not sold. Units below zero allow any number.
type UnpaidLimit struct{ Units, Percent int64 }

// Unlimited allows any number of units to be held unpaid.
var Unlimited = UnpaidLimit{Units: -1}

// Of returns the most units that the limit allows of so many not yet sold.
func (l UnpaidLimit) Of(unsold int64) int64 {
	if l.Units < 0 {
		return math.MaxInt64
	}
	return max(l.Units, unsold*l.Percent/100)
}

// room returns how many more units of the row may be held.
func (l Level) room(limit UnpaidLimit) int64 {
	return max(0, min(l.Available(), limit.Of(l.OnHand-l.Allocated)-l.Reserved))
}

// heldUnits are units of a stock row that an order's line, or all its lines, hold.
type heldUnits struct {
	Allocation
	Cause
}

// QueueReserve adds the holds of new orders to the batch that places them, as its first
// statements: the stock rows, each raised once by what all the orders take of it, in the
// one order in which everybody takes them; then the reservations and the ledger, an entry
// for each order. guests bounds what is held of each row when a guest's order is placed, so
// that nobody without an account can keep a SKU from being sold. If a row has too few units
// left, or too few for guests, a CHECK fails the whole batch: SoldOut tells.
func QueueReserve(b *database.Batch, guests UnpaidLimit, holds ...Hold) {
	var lines, rows []heldUnits
	var raised raises
	for _, hold := range holds {
		for _, a := range hold.Allocations {
			lines = append(lines, heldUnits{a, hold.Cause})
		}
		for _, a := range perStockRow(hold.Allocations) {
			rows = append(rows, heldUnits{a, hold.Cause})
			raised.add(a, hold.Guest)
		}
	}
	queueRaise(b, guests, raised.rows)
	b.QueueArgs(`
INSERT INTO reservations (region, id, sku, warehouse, line_no, quantity, order_region, order_id, transition_id)
SELECT a.region::crdb_internal_region, gen_random_uuid(), a.sku, a.warehouse, a.line_no, a.quantity,
  a.order_region::crdb_internal_region, a.order_id, a.transition_id
FROM `+database.Unnest[heldUnits]("a"), database.Columns(lines))
	b.QueueArgs(`
INSERT INTO stock_movements (region, sku, warehouse, kind, reserved_delta, actor, reference)
SELECT a.region::crdb_internal_region, a.sku, a.warehouse, 'reserve', a.quantity, a.actor, a.reference
FROM `+database.Unnest[heldUnits]("a"), database.Columns(rows))
}

// lockOrder is the one order in which stock rows are locked, by whoever locks several:
// no two transactions ever wait for each other in a circle. It is the database's, not Go's:
// enum values and texts sort by its rules.
const lockOrder = `
ORDER BY s.region, s.sku, s.warehouse`

// raise is what a batch takes of a stock row. GuestsUpTo is the part of Quantity up to and with the last guest's order, in
// the order in which they were planned: 0 without a guest.
type raise struct {
	rowKey
	Quantity, GuestsUpTo int64
}

// raises are the sums of what is taken of each stock row.
type raises struct {
	rows  []raise
	place map[rowKey]int
}

func (r *raises) add(a Allocation, guest bool) {
	key := rowKey{Region: a.Region, SKU: a.SKU, Warehouse: a.Warehouse}
	i, seen := r.place[key]
	if !seen {
		if r.place == nil {
			r.place = make(map[rowKey]int)
		}
		i = len(r.rows)
		r.place[key] = i
		r.rows = append(r.rows, raise{rowKey: key})
	}
	r.rows[i].Quantity += a.Quantity
	if guest {
		r.rows[i].GuestsUpTo = r.rows[i].Quantity
	}
}

// queueRaise raises each stock row once, by the sum of what is taken of it.
func queueRaise(b *database.Batch, guests UnpaidLimit, rows []raise) {
	b.QueueArgs(`
WITH taken AS (
  SELECT s.region, s.sku, s.warehouse, a.quantity, a.guests_up_to
  FROM `+database.Unnest[raise]("a")+`
  JOIN stock s ON s.region = a.region::crdb_internal_region AND s.sku = a.sku AND s.warehouse = a.warehouse`+lockOrder+`
  FOR UPDATE OF s
)
UPDATE stock s SET
  -- what guests may not hold is sent to -1 and refused by the CHECK
  reserved = CASE
    WHEN taken.guests_up_to > 0 AND @guest_units::int8 >= 0 AND s.reserved + taken.guests_up_to > @guest_units::int8
      AND (s.reserved + taken.guests_up_to) * 100 > (s.on_hand - s.allocated) * @guest_share::int8 THEN -1
    ELSE s.reserved + taken.quantity END,
  updated_at = now()`+bandMoved(`- taken.quantity`)+`
FROM taken
WHERE s.region = taken.region AND s.sku = taken.sku AND s.warehouse = taken.warehouse`,
		database.Columns(rows).With(database.Args{"guest_units": guests.Units, "guest_share": guests.Percent}))
}

// SoldOut reports whether the batch of QueueReserve failed because a stock row had too few units left, or too few that
// guests may hold.
func SoldOut(err error) bool {
	return database.Violates(err, "stock_not_oversold") || database.Violates(err, "stock_not_negative")
}

// perStockRow returns the sums of sorted allocations by stock row.
func perStockRow(sorted []Allocation) []Allocation {
	var sums []Allocation
	for _, a := range sorted {
		last := len(sums) - 1
		if last >= 0 && sums[last].Region == a.Region && sums[last].SKU == a.SKU && sums[last].Warehouse == a.Warehouse {
			sums[last].Quantity += a.Quantity
			continue
		}
		sums = append(sums, a)
	}
	return sums
}
