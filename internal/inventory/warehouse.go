package inventory

import (
	"context"
	"fmt"

	"meridian/internal/database"
	"meridian/regions"
)

// Warehouse is a building that sends parcels.
type Warehouse struct {
	Code    string
	Region  string
	Title   string
	Country string // ISO 3166-1 alpha-2
	// Latitude and Longitude are in degrees.
	Latitude, Longitude float64
	// Active says that shoppers are sold what it has.
	Active bool
}

// warehouseRow is a warehouse as the regions' files tell it.
type warehouseRow struct {
	Code, Region, Title, Country string
	Latitude, Longitude          float64
}

// SyncWarehouses makes the table of warehouses what the regions' files say: new ones are
// added, those that the files no longer have become inactive. It may be repeated. A
// warehouse cannot change its region, for its stock lives there: that is an error, and its
// row stays as it was. One round trip.
func SyncWarehouses(ctx context.Context, db *database.DB, set *regions.Set) error {
	var rows []warehouseRow
	var codes []string
	for _, region := range set.All() {
		for _, house := range region.Warehouses {
			codes = append(codes, house.Code)
			rows = append(rows, warehouseRow{
				Code: house.Code, Region: region.Name, Title: house.Title, Country: house.Country,
				Latitude: house.Latitude, Longitude: house.Longitude,
			})
		}
	}
	var written int64
	err := db.WriteIdempotent(ctx, func(b *database.Batch) error {
		written = 0
		database.Affected(database.QueueInsert(b, "warehouses AS w", rows, `ON CONFLICT (code) DO UPDATE
SET title = excluded.title, country = excluded.country, latitude = excluded.latitude, longitude = excluded.longitude, active = true
WHERE w.region = excluded.region`), &written)
		b.Queue(`
UPDATE warehouses SET active = false
WHERE active AND NOT (code = ANY($1::text[]))`, codes)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sync warehouses: %w", err)
	}
	if moved := len(codes) - int(written); moved > 0 {
		return fmt.Errorf("sync warehouses: %d of %d have changed their region: give a warehouse a new code when it moves", moved, len(codes))
	}
	return nil
}

// Warehouses lists every warehouse, inactive ones included, by code. One round trip.
func (s *Stock) Warehouses(ctx context.Context) ([]Warehouse, error) {
	houses, err := database.List(ctx, s.DB, database.Scan[Warehouse], `
SELECT `+database.Select[Warehouse]("w")+`
FROM warehouses w
ORDER BY w.code`)
	if err != nil {
		return nil, fmt.Errorf("list warehouses: %w", err)
	}
	return houses, nil
}
