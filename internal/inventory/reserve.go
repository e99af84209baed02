package inventory

import (
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Cause is the order transition in whose batch stock moves. The statements of a move act
// only where the order row carries TransitionID, so a transition that was not allowed
// moves nothing.
type Cause struct {
	Order        regions.Ref
	OrderID      string // the order's public id, for the ledger
	TransitionID uuid.UUID
	Actor        string // who did it: a public id, or "system"
}

// Hold is what one new order wants held for it.
type Hold struct {
	Cause       Cause
	Allocations []Allocation // in the order that Allocate gives them
}

// QueueReserve adds the holds of new orders to the batch that places them, as its first
// statements: the stock rows, each raised once by what all the orders take of it, in the
// one order in which everybody takes them; then the reservations and the ledger, an entry
// for each order. If a row has too few units left, its CHECK fails the whole batch:
// SoldOut tells.
func QueueReserve(b *database.Batch, holds ...Hold) {
	queueRaise(b, holds)
	queueReservations(b, holds)
	queueReserveMovements(b, holds)
}

// lockOrder is the one order in which stock rows are locked, by whoever locks several:
// no two transactions ever wait for each other in a circle. It is the database's, not Go's:
// enum values and texts sort by its rules.
const lockOrder = `
ORDER BY s.region, s.sku, s.warehouse`

func queueRaise(b *database.Batch, holds []Hold) {
	var c allocationColumns
	row := make(map[Allocation]int) // where the sum of a stock row stands; its line and quantity are zero
	for _, hold := range holds {
		for _, a := range hold.Allocations {
			key := Allocation{Region: a.Region, Warehouse: a.Warehouse, SKU: a.SKU}
			i, seen := row[key]
			if !seen {
				i = len(c.skus)
				row[key] = i
				c.add(key)
			}
			c.quantities[i] += a.Quantity
		}
	}
	// $1 = regions, $2 = SKUs, $3 = warehouses, $4 = quantities
	b.Queue(`
WITH taken AS (
  SELECT s.region, s.sku, s.warehouse, a.quantity
  FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[]) AS a (region, sku, warehouse, quantity)
  JOIN stock s ON s.region = a.region::crdb_internal_region AND s.sku = a.sku AND s.warehouse = a.warehouse`+lockOrder+`
  FOR UPDATE OF s
)
UPDATE stock s SET reserved = s.reserved + taken.quantity, updated_at = now()`+bandMoved(`- taken.quantity`)+`
FROM taken
WHERE s.region = taken.region AND s.sku = taken.sku AND s.warehouse = taken.warehouse`,
		c.regions, c.skus, c.warehouses, c.quantities)
}

func queueReservations(b *database.Batch, holds []Hold) {
	var c allocationColumns
	var orders causeColumns
	for _, hold := range holds {
		for _, a := range hold.Allocations {
			c.add(a)
			orders.add(hold.Cause)
		}
	}
	// $1 = regions, $2 = SKUs, $3 = warehouses, $4 = line numbers, $5 = quantities,
	// $6 = orders' regions, $7 = orders, $8 = transitions
	b.Queue(`
INSERT INTO reservations (region, id, sku, warehouse, line_no, quantity, order_region, order_id, transition_id)
SELECT a.region::crdb_internal_region, gen_random_uuid(), a.sku, a.warehouse, a.line_no, a.quantity,
  a.order_region::crdb_internal_region, a.order_id, a.transition_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::int8[], $6::text[], $7::uuid[], $8::uuid[])
  AS a (region, sku, warehouse, line_no, quantity, order_region, order_id, transition_id)`,
		c.regions, c.skus, c.warehouses, c.lineNos, c.quantities, orders.regions, orders.ids, orders.transitions)
}

func queueReserveMovements(b *database.Batch, holds []Hold) {
	var c allocationColumns
	var orders causeColumns
	for _, hold := range holds {
		for _, row := range perStockRow(hold.Allocations) {
			c.add(row)
			orders.add(hold.Cause)
		}
	}
	// $1 = regions, $2 = SKUs, $3 = warehouses, $4 = quantities, $5 = actors, $6 = orders
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, reserved_delta, actor, reference)
SELECT a.region::crdb_internal_region, a.sku, a.warehouse, 'reserve', a.quantity, a.actor, a.reference
FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::text[], $6::text[]) AS a (region, sku, warehouse, quantity, actor, reference)`,
		c.regions, c.skus, c.warehouses, c.quantities, orders.actors, orders.references)
}

// SoldOut reports whether a batch failed because a stock row had too few units left.
func SoldOut(err error) bool { return database.Violates(err, "stock_not_oversold") }

// perStockRow sums sorted allocations of the same stock row.
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

// allocationColumns are allocations, a column a field.
type allocationColumns struct {
	regions, skus, warehouses []string
	lineNos, quantities       []int64
}

func (c *allocationColumns) add(a Allocation) {
	c.regions = append(c.regions, a.Region)
	c.skus = append(c.skus, a.SKU)
	c.warehouses = append(c.warehouses, a.Warehouse)
	c.lineNos = append(c.lineNos, a.LineNo)
	c.quantities = append(c.quantities, a.Quantity)
}

// causeColumns are causes, a column a field.
type causeColumns struct {
	regions, references, actors []string
	ids, transitions            []uuid.UUID
}

func (c *causeColumns) add(cause Cause) {
	c.regions = append(c.regions, cause.Order.Region)
	c.ids = append(c.ids, cause.Order.ID)
	c.transitions = append(c.transitions, cause.TransitionID)
	c.references = append(c.references, cause.OrderID)
	c.actors = append(c.actors, cause.Actor)
}
