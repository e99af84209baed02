package inventory

import (
	"slices"

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

// QueueReserve adds to the batch that places an order: reserved is raised on each stock
// row, a row at a time in the order of the allocations (Allocate sorts them), so that two
// orders never wait for each other in a circle; the reservations and the ledger follow.
// If a row has too few units left, its CHECK fails the whole batch: SoldOut tells.
func QueueReserve(b *database.Batch, cause Cause, allocations []Allocation) {
	rows := slices.Clone(allocations)
	slices.SortFunc(rows, compareAllocations)
	for _, row := range perStockRow(rows) {
		b.Queue(`
UPDATE stock SET reserved = reserved + $4, updated_at = now()
WHERE region = $1 AND sku = $2 AND warehouse = $3`, row.Region, row.SKU, row.Warehouse, row.Quantity)
	}
	c := columnsOf(rows)
	// $1 = regions, $2 = SKUs, $3 = warehouses, $4 = line numbers, $5 = quantities,
	// $6 = order region, $7 = order, $8 = transition
	b.Queue(`
INSERT INTO reservations (region, id, sku, warehouse, line_no, quantity, order_region, order_id, transition_id)
SELECT a.region::crdb_internal_region, gen_random_uuid(), a.sku, a.warehouse, a.line_no, a.quantity,
  $6::text::crdb_internal_region, $7::uuid, $8::uuid
FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::int8[]) AS a (region, sku, warehouse, line_no, quantity)`,
		c.regions, c.skus, c.warehouses, c.lineNos, c.quantities, cause.Order.Region, cause.Order.ID, cause.TransitionID)
	// $1 = regions, $2 = SKUs, $3 = warehouses, $4 = quantities, $5 = actor, $6 = order
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, reserved_delta, actor, reference)
SELECT a.region::crdb_internal_region, a.sku, a.warehouse, 'reserve', a.quantity, $5::text, $6::text
FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[]) AS a (region, sku, warehouse, quantity)`,
		c.regions, c.skus, c.warehouses, c.quantities, cause.Actor, cause.OrderID)
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

type allocationColumns struct {
	regions, skus, warehouses []string
	lineNos, quantities       []int64
}

func columnsOf(allocations []Allocation) allocationColumns {
	var c allocationColumns
	for _, a := range allocations {
		c.regions = append(c.regions, a.Region)
		c.skus = append(c.skus, a.SKU)
		c.warehouses = append(c.warehouses, a.Warehouse)
		c.lineNos = append(c.lineNos, a.LineNo)
		c.quantities = append(c.quantities, a.Quantity)
	}
	return c
}
