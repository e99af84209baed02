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
// that a cart holds. into is set when the batch is read.
func QueueCartLevels(b *database.Batch, cart regions.Ref, all *regions.Set, into *[]LocatedLevel) {
	b.Queue(`
SELECT `+levelColumns+`, w.latitude, w.longitude
FROM cart_lines l
JOIN stock s ON s.region = ANY($3::text[]::crdb_internal_region[]) AND s.sku = l.sku
JOIN warehouses w ON w.code = s.warehouse AND w.active
WHERE l.region = $1 AND l.cart_id = $2
ORDER BY s.sku, s.warehouse`, cart.Region, cart.ID, all.Names()).Query(database.Collect(into, func(row pgx.CollectableRow) (LocatedLevel, error) {
		var l LocatedLevel
		err := row.Scan(append(l.targets(), &l.Latitude, &l.Longitude)...)
		return l, err
	}))
}

// Offers are the levels as seen from a place, in degrees.
func Offers(levels []LocatedLevel, latitude, longitude float64) []Offer {
	offers := make([]Offer, len(levels))
	for i, l := range levels {
		offers[i] = Offer{
			Region: l.Region, Warehouse: l.Warehouse, SKU: l.SKU, Available: l.Available(),
			DistanceKM: regions.DistanceKM(latitude, longitude, l.Latitude, l.Longitude),
		}
	}
	return offers
}
