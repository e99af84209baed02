package inventory

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

// Band is how much of something is for sale, as roughly as a search index knows it.
type Band int64

// The bands, in ascending order.
const (
	BandOut Band = iota // nothing
	BandLow             // 1 to 5 units in a warehouse
	BandIn              // more
)

// available is what of a stock row s is for sale.
const available = `s.on_hand - s.reserved - s.allocated`

// bandMoved returns the part of an UPDATE of stock rows s that moves band_changed_at where the units for sale, changed by
// delta (an expression with its sign), come into another Band. Every statement that changes a counter has it.
func bandMoved(delta string) string {
	const after = available + ` `
	return `,
  band_changed_at = CASE
    WHEN (` + available + ` > 0) <> (` + after + delta + ` > 0) OR (` + available + ` > 5) <> (` + after + delta + ` > 5) THEN now()
    ELSE s.band_changed_at END`
}

// QueueBands adds to a batch of reads the best Band that the active SKUs of each of some products have in a warehouse
// of a region. into is set when the batch is read; what no warehouse there has is left out.
func QueueBands(b *database.Batch, region string, products []uuid.UUID, into map[uuid.UUID]Band) {
	b.Queue(`
SELECT k.product_id, max(CASE WHEN `+available+` > 5 THEN 2 WHEN `+available+` > 0 THEN 1 ELSE 0 END)::int8
FROM unnest($2::uuid[]) AS n (product_id)
JOIN `+catalog.SKUsSQL+` k ON k.product_id = n.product_id AND k.active
JOIN stock s ON s.region = $1 AND s.sku = k.sku
JOIN warehouses w ON w.code = s.warehouse AND w.active
GROUP BY k.product_id`, region, products).Query(func(rows pgx.Rows) error {
		clear(into)
		var product uuid.UUID
		var band Band
		_, err := pgx.ForEachRow(rows, []any{&product, &band}, func() error {
			into[product] = band
			return nil
		})
		return err
	})
}

// A BandChange is a stock row that came into another Band.
type BandChange struct {
	Product        uuid.UUID
	SKU, Warehouse string
	At             time.Time
}

// QueueBandChanges adds to a batch of reads the stock rows of a region that came into another Band at a moment, those
// behind a SKU and a warehouse, or later; at most limit, by time, SKU and warehouse. into is set when the batch is read.
func QueueBandChanges(b *database.Batch, region string, behind BandChange, limit int, into *[]BandChange) {
	// $1 = region, $2 = moment, $3 = SKU, $4 = warehouse, $5 = limit
	b.Queue(`
SELECT k.product_id, s.sku, s.warehouse, s.band_changed_at
FROM (
  SELECT sku, warehouse, band_changed_at
  FROM stock
  WHERE region = $1 AND band_changed_at >= $2 AND (band_changed_at > $2 OR (sku, warehouse) > ($3, $4))
  ORDER BY band_changed_at, sku, warehouse
  LIMIT $5::int8
) AS s
JOIN `+catalog.SKUsSQL+` k ON k.sku = s.sku
ORDER BY s.band_changed_at, s.sku, s.warehouse`, region, behind.At, behind.SKU, behind.Warehouse, limit).Query(
		database.Collect(into, func(row pgx.CollectableRow) (c BandChange, err error) {
			err = row.Scan(&c.Product, &c.SKU, &c.Warehouse, &c.At)
			return c, err
		}))
}

// QueueBandState adds to a batch of reads a text that differs whenever other warehouses of a region are active, by
// which all bands may be others without any row changing.
func QueueBandState(b *database.Batch, region string, into *string) {
	b.Queue(`
SELECT coalesce(string_agg(code, ' ' ORDER BY code), '')
FROM warehouses
WHERE region = $1 AND active`, region).QueryRow(func(row pgx.Row) error { return row.Scan(into) })
}
