package inventory

import (
	"context"
	"errors"
	"fmt"

	"meridian/internal/database"
	"meridian/internal/outbox"
)

// queueAlerts adds to a batch, after its changes of stock rows, the event stock.low of each row that
// has become low, exactly once until it is restocked. The event carries no counters: they may have
// changed by the time it is read. Two statements, whatever the number of rows.
func queueAlerts(b *database.Batch, rows ...rowKey) error {
	events := make([]outbox.Caused, len(rows))
	for i, at := range rows {
		events[i].Event = stockEvent("stock.low", at, map[string]any{})
	}
	// Before the UPDATE, for it closes the condition.
	err := outbox.QueueCaused(b, `EXISTS (
  SELECT 1
  FROM stock s
  WHERE s.region = e.region::crdb_internal_region AND s.sku = e.payload::jsonb ->> 'sku'
    AND s.warehouse = e.payload::jsonb ->> 'warehouse' AND s.alerted_at IS NULL AND s.alert_due)`, events...)
	if err != nil {
		return err
	}
	b.QueueArgs(`
WITH low AS (
  SELECT s.region, s.sku, s.warehouse
  FROM `+database.Unnest[rowKey]("n")+`
  JOIN stock s ON s.region = n.region::crdb_internal_region AND s.sku = n.sku AND s.warehouse = n.warehouse
  WHERE s.alert_due`+lockOrder+`
  FOR UPDATE OF s
)
UPDATE stock s SET alerted_at = CASE WHEN s.alerted_at IS NULL THEN now() END
FROM low
WHERE s.region = low.region AND s.sku = low.sku AND s.warehouse = low.warehouse`, database.Columns(rows))
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
	if len(due) == 0 {
		return 0, nil
	}
	err = s.DB.WriteIdempotent(ctx, func(b *database.Batch) error { return queueAlerts(b, due...) })
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
		if err := queueAlerts(b, at); err != nil {
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
