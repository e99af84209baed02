package inventory

import (
	"context"
	"errors"
	"fmt"

	"meridian/internal/database"
	"meridian/internal/outbox"
)

// queueAlert adds to a batch, after its changes of a stock row, the event stock.low if the
// row has become low, exactly once until it is restocked. The event carries no counters:
// they may have changed by the time it is read.
func queueAlert(b *database.Batch, at rowKey) error {
	// Before the UPDATE, for it closes the condition.
	err := outbox.QueueWhere(b, stockEvent("stock.low", at, map[string]any{}), `EXISTS (
  SELECT 1 FROM stock WHERE region = @home AND sku = @sku AND warehouse = @warehouse AND alerted_at IS NULL AND alert_due)`,
		database.Args{"home": at.Region, "sku": at.SKU, "warehouse": at.Warehouse})
	if err != nil {
		return err
	}
	b.Queue(`
UPDATE stock SET alerted_at = CASE WHEN alerted_at IS NULL THEN now() END
WHERE region = $1 AND sku = $2 AND warehouse = $3 AND alert_due`, at.Region, at.SKU, at.Warehouse)
	return nil
}

// AlertOnce tells operators, by the event stock.low, of rows of the process's region that
// sales have made low, and forgets the alerts of rows that were restocked by returns and
// cancellations: a worker's pass of two round trips. It takes up to limit rows and returns
// how many it took. Several may run at once.
func (s *Stock) AlertOnce(ctx context.Context, limit int) (int, error) {
	due, err := database.List(ctx, s.DB, database.Scan[rowKey], `
SELECT `+database.Select[rowKey]("s")+`
FROM stock s
WHERE s.region = $1 AND s.alert_due
ORDER BY s.sku, s.warehouse
LIMIT $2::int8`, s.DB.Region(), limit)
	if err != nil {
		return 0, fmt.Errorf("find low stock: %w", err)
	}
	err = s.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		for _, at := range due {
			if err := queueAlert(b, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("alert of low stock: %w", err)
	}
	return len(due), nil
}

// ReorderPoint is a change of when a stock row is low.
type ReorderPoint struct {
	SKU       string
	Warehouse string
	// Units is the reorder point: a row with as many or fewer units for sale is low.
	Units int64
}

// SetReorderPoint changes when a stock row is low and returns the row. It may be repeated.
// One round trip.
//
// Errors: *invalid.Error, ErrUnknownWarehouse, ErrNoStock.
func (s *Stock) SetReorderPoint(ctx context.Context, in ReorderPoint) (Level, error) {
	var f faults
	f.key("warehouse", in.Warehouse, in.SKU)
	f.quantity("reorder_point", in.Units, 0)
	if err := f.err(); err != nil {
		return Level{}, err
	}
	at, err := s.find(ctx, in.Warehouse, in.SKU)
	if err != nil {
		return Level{}, err
	}
	var level Level
	err = s.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		level = Level{}
		b.Queue(`
UPDATE stock SET reorder_point = $4, updated_at = now()
WHERE region = $1 AND sku = $2 AND warehouse = $3`, at.Region, at.SKU, at.Warehouse, in.Units)
		if err := queueAlert(b, at); err != nil {
			return err
		}
		queueLevel(b, at, &level)
		return nil
	})
	if err != nil && !errors.Is(err, ErrNoStock) {
		err = fmt.Errorf("set reorder point: %w", err)
	}
	return level, err
}
