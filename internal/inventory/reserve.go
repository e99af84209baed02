package inventory

import (
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
}

// heldUnits are units of a stock row that an order's line, or all its lines, hold.
type heldUnits struct {
	Allocation
	Cause
}

// QueueReserve adds the holds of new orders to the batch that places them, as its first
// statements: the stock rows, each raised once by what all the orders take of it, in the
// one order in which everybody takes them; then the reservations and the ledger, an entry
// for each order. If a row has too few units left, its CHECK fails the whole batch:
// SoldOut tells.
func QueueReserve(b *database.Batch, holds ...Hold) {
	var lines, rows []heldUnits
	for _, hold := range holds {
		for _, a := range hold.Allocations {
			lines = append(lines, heldUnits{a, hold.Cause})
		}
		for _, a := range perStockRow(hold.Allocations) {
			rows = append(rows, heldUnits{a, hold.Cause})
		}
	}
	queueRaise(b, rows)
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

// queueRaise raises each stock row once, by the sum of what is taken of it.
func queueRaise(b *database.Batch, taken []heldUnits) {
	var sums []Allocation
	place := make(map[Allocation]int) // of a stock row's sum; line and quantity of the key are zero
	for _, units := range taken {
		key := Allocation{Region: units.Region, Warehouse: units.Warehouse, SKU: units.SKU}
		i, seen := place[key]
		if !seen {
			i = len(sums)
			place[key] = i
			sums = append(sums, key)
		}
		sums[i].Quantity += units.Quantity
	}
	b.QueueArgs(`
WITH taken AS (
  SELECT s.region, s.sku, s.warehouse, a.quantity
  FROM `+database.Unnest[Allocation]("a")+`
  JOIN stock s ON s.region = a.region::crdb_internal_region AND s.sku = a.sku AND s.warehouse = a.warehouse`+lockOrder+`
  FOR UPDATE OF s
)
UPDATE stock s SET reserved = s.reserved + taken.quantity, updated_at = now()`+bandMoved(`- taken.quantity`)+`
FROM taken
WHERE s.region = taken.region AND s.sku = taken.sku AND s.warehouse = taken.warehouse`, database.Columns(sums))
}

// SoldOut reports whether a batch failed because a stock row had too few units left.
func SoldOut(err error) bool { return database.Violates(err, "stock_not_oversold") }

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
