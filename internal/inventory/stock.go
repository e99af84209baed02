package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

var (
	// ErrUnknownSKU is returned for a SKU that does not exist or, to shoppers, is not sold.
	ErrUnknownSKU = errors.New("no such SKU")
	// ErrUnknownWarehouse is returned for a warehouse that does not exist.
	ErrUnknownWarehouse = errors.New("no such warehouse")
	// ErrNoStock is returned where a warehouse never had the SKU: there is no stock row.
	ErrNoStock = errors.New("the warehouse has no stock row of this SKU")
)

// NotEnoughError is returned for a change that would take more units of a stock row than
// are free: neither reserved nor allocated. Nothing was changed.
type NotEnoughError struct {
	SKU       string
	Warehouse string
	Wanted    int64
	Free      int64
}

func (e *NotEnoughError) Error() string {
	return fmt.Sprintf("warehouse %s has %d free units of %s, not %d", e.Warehouse, e.Free, e.SKU, e.Wanted)
}

// Config is what Stock works with.
type Config struct {
	DB      *database.DB
	Regions *regions.Set
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Stock is the operators' side of the inventory. It is safe for concurrent use.
type Stock struct {
	Config
	regionOf map[string]string // by warehouse code, of those in the regions' files
}

// New returns the stock of a shop.
func New(c Config) *Stock {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Stock{Config: c, regionOf: make(map[string]string)}
	for _, region := range c.Regions.All() {
		for _, house := range region.Warehouses {
			s.regionOf[house.Code] = region.Name
		}
	}
	return s
}

// rowKey is the key of a stock row.
type rowKey struct{ Region, SKU, Warehouse string }

// find returns the key of a stock row. It takes no round trip but for a warehouse that the
// regions' files do not have any more, whose stock is to be moved elsewhere.
func (s *Stock) find(ctx context.Context, warehouse, sku string) (rowKey, error) {
	region, ok := s.regionOf[warehouse]
	if ok {
		return rowKey{Region: region, SKU: sku, Warehouse: warehouse}, nil
	}
	region, err := database.One(ctx, s.DB, pgx.RowTo[string], `
SELECT region::text
FROM warehouses
WHERE code = $1`, warehouse)
	if errors.Is(err, pgx.ErrNoRows) {
		return rowKey{}, ErrUnknownWarehouse
	}
	if err != nil {
		return rowKey{}, fmt.Errorf("find warehouse: %w", err)
	}
	return rowKey{Region: region, SKU: sku, Warehouse: warehouse}, nil
}

// Get returns the stock of a SKU in a warehouse, or ErrNoStock. One round trip.
func (s *Stock) Get(ctx context.Context, warehouse, sku string) (Level, error) {
	at, err := s.find(ctx, warehouse, sku)
	if err != nil {
		return Level{}, err
	}
	level, err := database.One(ctx, s.DB, database.Scan[Level], getLevelQuery, at.Region, at.SKU, at.Warehouse)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Level{}, ErrNoStock
	case err != nil:
		return Level{}, fmt.Errorf("get stock: %w", err)
	}
	return level, nil
}

var getLevelQuery = `
SELECT ` + database.Select[Level]("s") + `
FROM stock s
WHERE s.region = $1 AND s.sku = $2 AND s.warehouse = $3`

// queueLevel reads a stock row at the end of the batch that changed it.
func queueLevel(b *database.Batch, at rowKey, into *Level) {
	b.Queue(getLevelQuery, at.Region, at.SKU, at.Warehouse).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, database.Scan[Level])
		if err == nil && len(found) == 0 {
			return ErrNoStock
		}
		if err == nil {
			*into = found[0]
		}
		return err
	})
}
