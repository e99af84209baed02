package inventory

import (
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// Level is one stock row: a SKU in a warehouse.
type Level struct {
	Region       string
	SKU          string
	Warehouse    string
	OnHand       int64
	Reserved     int64
	Allocated    int64
	ReorderPoint int64
}

// Available is what of the row is for sale.
func (l Level) Available() int64 { return l.OnHand - l.Reserved - l.Allocated }

const levelColumns = `s.region, s.sku, s.warehouse, s.on_hand, s.reserved, s.allocated, s.reorder_point`

func scanLevel(row pgx.CollectableRow) (Level, error) {
	var l Level
	err := row.Scan(l.targets()...)
	return l, err
}

// targets is where levelColumns are scanned to, in their order.
func (l *Level) targets() []any {
	return []any{&l.Region, &l.SKU, &l.Warehouse, &l.OnHand, &l.Reserved, &l.Allocated, &l.ReorderPoint}
}

// LocatedLevel is a stock row and where its warehouse stands, in degrees.
type LocatedLevel struct {
	Level
	Latitude, Longitude float64
}

// QueueCartLevels adds to a batch of reads the stock rows, in every region, of the SKUs
// that carts hold, each row once. into is set when the batch is read.
func QueueCartLevels(b *database.Batch, carts []regions.Ref, all *regions.Set, into *[]LocatedLevel) {
	homes, ids := regions.Columns(carts)
	// The few warehouses are read by themselves: a join would look one up for each stock row.
	places := make(map[string]LocatedLevel)
	b.Queue(`
SELECT code, latitude, longitude
FROM warehouses
WHERE active`).Query(func(rows pgx.Rows) error {
		clear(places)
		var code string
		var at LocatedLevel
		_, err := pgx.ForEachRow(rows, []any{&code, &at.Latitude, &at.Longitude}, func() error {
			places[code] = at
			return nil
		})
		return err
	})
	b.Queue(`
SELECT `+levelColumns+`
FROM (
  SELECT DISTINCT l.sku
  FROM unnest($1::text[], $2::uuid[]) AS c (region, id)
  JOIN cart_lines l ON l.region = c.region::crdb_internal_region AND l.cart_id = c.id
) AS wanted
JOIN stock s ON s.region = ANY($3::text[]::crdb_internal_region[]) AND s.sku = wanted.sku
ORDER BY s.sku, s.warehouse`, homes, ids, all.Names()).Query(func(rows pgx.Rows) error {
		*into = nil
		levels, err := pgx.CollectRows(rows, scanLevel)
		for _, level := range levels {
			if at, active := places[level.Warehouse]; active {
				at.Level = level
				*into = append(*into, at)
			}
		}
		return err
	})
}

// Levels are stock rows by SKU, from which orders are served in turn.
type Levels map[string][]LocatedLevel

// LevelsOf gathers stock rows by SKU.
func LevelsOf(rows []LocatedLevel) Levels {
	levels := make(Levels)
	for _, row := range rows {
		levels[row.SKU] = append(levels[row.SKU], row)
	}
	return levels
}

// Offers are the levels of what is asked for, as seen from a place, in degrees.
func (l Levels) Offers(demand []Demand, latitude, longitude float64) []Offer {
	var offers []Offer
	seen := make(map[string]bool)
	for _, d := range demand {
		if seen[d.SKU] {
			continue
		}
		seen[d.SKU] = true
		for _, row := range l[d.SKU] {
			offers = append(offers, Offer{
				Region: row.Region, Warehouse: row.Warehouse, SKU: row.SKU, Available: row.Available(),
				DistanceKM: regions.DistanceKM(latitude, longitude, row.Latitude, row.Longitude),
			})
		}
	}
	return offers
}

// Take counts an order's allocations as reserved, so that the next is not offered them.
func (l Levels) Take(allocations []Allocation) {
	for _, a := range allocations {
		rows := l[a.SKU]
		for i := range rows {
			if rows[i].Warehouse == a.Warehouse {
				rows[i].Reserved += a.Quantity
			}
		}
	}
}
