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

// Available returns how many units of the row are for sale.
func (l Level) Available() int64 { return l.OnHand - l.Reserved - l.Allocated }

// LocatedLevel is a stock row and where its warehouse stands, in degrees.
type LocatedLevel struct {
	Level
	Latitude, Longitude float64
}

// QueueLevels adds to a batch of reads the stock rows, in every region, of the SKUs that a query
// names in its column sku, each once. into is set when the batch is read.
func QueueLevels(b *database.Batch, skus database.Query, all *regions.Set, into *[]LocatedLevel) {
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
	b.QueueArgs(`
SELECT `+database.Select[Level]("s")+`
FROM (`+skus.SQL+`) AS wanted
JOIN stock s ON s.region = ANY(@all_regions::text[]::crdb_internal_region[]) AND s.sku = wanted.sku
ORDER BY s.sku, s.warehouse`, skus.Args.With(database.Args{"all_regions": all.Names()})).Query(func(rows pgx.Rows) error {
		*into = nil
		levels, err := pgx.CollectRows(rows, database.Scan[Level])
		for _, level := range levels {
			if at, active := places[level.Warehouse]; active {
				at.Level = level
				*into = append(*into, at)
			}
		}
		return err
	})
}

// Levels holds stock rows by SKU, from which orders are served in turn.
type Levels map[string][]LocatedLevel

// LevelsOf returns stock rows by SKU.
func LevelsOf(rows []LocatedLevel) Levels {
	levels := make(Levels)
	for _, row := range rows {
		levels[row.SKU] = append(levels[row.SKU], row)
	}
	return levels
}

// Offers returns the levels of what is asked for, as seen from a place, in degrees: of each row what limit allows to
// hold.
func (l Levels) Offers(demand []Demand, latitude, longitude float64, limit UnpaidLimit) []Offer {
	var offers []Offer
	seen := make(map[string]bool)
	for _, d := range demand {
		if seen[d.SKU] {
			continue
		}
		seen[d.SKU] = true
		for _, row := range l[d.SKU] {
			offers = append(offers, Offer{
				Region: row.Region, Warehouse: row.Warehouse, SKU: row.SKU, Available: row.room(limit),
				DistanceKM: regions.DistanceKM(latitude, longitude, row.Latitude, row.Longitude),
			})
		}
	}
	return offers
}

// Unsold returns how many units of a SKU are in the warehouses and not sold: those for sale and those held for unpaid orders.
func (l Levels) Unsold(sku string) int64 {
	var units int64
	for _, row := range l[sku] {
		units += row.OnHand - row.Allocated
	}
	return units
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
