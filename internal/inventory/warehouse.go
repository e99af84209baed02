package inventory

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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

// SyncWarehouses makes the table of warehouses what the regions' files say: new ones are
// added, those that the files no longer have become inactive. It may be repeated. A
// warehouse cannot change its region, for its stock lives there: that is an error, and its
// row stays as it was. One round trip.
func SyncWarehouses(ctx context.Context, db *database.DB, set *regions.Set) error {
	var c warehouseColumns
	for _, region := range set.All() {
		for _, house := range region.Warehouses {
			c.add(region.Name, house)
		}
	}
	var written int
	err := db.WriteIdempotent(ctx, func(b *database.Batch) error {
		written = 0
		// $1 = codes, $2 = regions, $3 = titles, $4 = countries, $5 = latitudes, $6 = longitudes
		b.Queue(`
INSERT INTO warehouses AS w (code, region, title, country, latitude, longitude)
SELECT n.code, n.region::crdb_internal_region, n.title, n.country, n.latitude, n.longitude
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[])
  AS n (code, region, title, country, latitude, longitude)
ON CONFLICT (code) DO UPDATE
SET title = excluded.title, country = excluded.country, latitude = excluded.latitude, longitude = excluded.longitude, active = true
WHERE w.region = excluded.region
RETURNING w.code`, c.codes, c.regions, c.titles, c.countries, c.latitudes, c.longitudes).Query(func(rows pgx.Rows) error {
			codes, err := pgx.CollectRows(rows, pgx.RowTo[string])
			written = len(codes)
			return err
		})
		b.Queue(`
UPDATE warehouses SET active = false
WHERE active AND NOT (code = ANY($1::text[]))`, c.codes)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sync warehouses: %w", err)
	}
	if written < len(c.codes) {
		return fmt.Errorf("sync warehouses: %d of %d have changed their region: give a warehouse a new code when it moves",
			len(c.codes)-written, len(c.codes))
	}
	return nil
}

type warehouseColumns struct {
	codes, regions, titles, countries []string
	latitudes, longitudes             []float64
}

func (c *warehouseColumns) add(region string, house regions.Warehouse) {
	c.codes, c.regions = append(c.codes, house.Code), append(c.regions, region)
	c.titles, c.countries = append(c.titles, house.Title), append(c.countries, house.Country)
	c.latitudes, c.longitudes = append(c.latitudes, house.Latitude), append(c.longitudes, house.Longitude)
}

// Warehouses lists every warehouse, inactive ones included, by code. One round trip.
func (s *Stock) Warehouses(ctx context.Context) ([]Warehouse, error) {
	houses, err := database.List(ctx, s.DB, func(row pgx.CollectableRow) (Warehouse, error) {
		var w Warehouse
		err := row.Scan(&w.Code, &w.Region, &w.Title, &w.Country, &w.Latitude, &w.Longitude, &w.Active)
		return w, err
	}, `
SELECT code, region::text, title, country, latitude, longitude, active
FROM warehouses
ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("list warehouses: %w", err)
	}
	return houses, nil
}
