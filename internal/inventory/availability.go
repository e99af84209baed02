package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

// Availability is what one region's warehouses have for sale of a SKU.
type Availability struct {
	Region string
	Units  int64
}

// Availability returns what is for sale of a SKU in each region that has a warehouse, by
// region; ErrUnknownSKU for one that is not sold. One statement, one round trip, which on
// CockroachDB does not leave the region: the answer is AvailabilityAge old.
func (s *Stock) Availability(ctx context.Context, sku string) ([]Availability, error) {
	list, err := database.List(ctx, s.DB, func(row pgx.CollectableRow) (Availability, error) {
		var a Availability
		err := row.Scan(&a.Region, &a.Units)
		return a, err
	}, `
SELECT w.region::text, coalesce(sum(s.on_hand - s.reserved - s.allocated), 0)::int8
FROM `+catalog.SKUsSQL+` k
JOIN warehouses w ON w.active
LEFT JOIN stock s ON s.region = w.region AND s.sku = k.sku AND s.warehouse = w.code`+s.DB.FollowerRead(ctx)+`
WHERE k.sku = $1 AND k.sold
GROUP BY w.region
ORDER BY w.region::text`, sku)
	if err != nil {
		return nil, fmt.Errorf("ask for availability: %w", err)
	}
	if len(list) == 0 {
		return nil, ErrUnknownSKU
	}
	return list, nil
}

// AvailabilityAge returns how old an answer of Availability is.
func (s *Stock) AvailabilityAge(ctx context.Context) time.Duration { return s.DB.FollowerReadAge(ctx) }

// ForSaleSQL returns an expression of how many units of a SKU are for sale in regions: one visit
// to the primary key a region. Both arguments are SQL, the regions' an array of text.
func ForSaleSQL(sku, regions string) string {
	return `(
  SELECT coalesce(sum(k.on_hand - k.reserved - k.allocated), 0)::int8
  FROM stock k
  WHERE k.region = ANY(` + regions + `::crdb_internal_region[]) AND k.sku = ` + sku + `
    AND k.warehouse = ANY(ARRAY(SELECT w.code FROM warehouses w WHERE w.active)))`
}
