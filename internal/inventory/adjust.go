package inventory

import (
	"context"
	"fmt"

	"meridian/internal/database"
)

// Adjustment is a correction: units that were found, lost or broken.
type Adjustment struct {
	SKU       string
	Warehouse string
	// Delta is the change of on_hand, above or below zero.
	Delta int64
	Operation
}

// Validate returns *invalid.Error with everything that is wrong.
func (a Adjustment) Validate() error {
	var f faults
	f.key("warehouse", a.Warehouse, a.SKU)
	if a.Delta == 0 || a.Delta < -MaxQuantity || a.Delta > MaxQuantity {
		f.Add("delta", "must be a whole number from %d to %d and not 0", int64(-MaxQuantity), int64(MaxQuantity))
	}
	a.check(&f)
	return f.err()
}

// Adjust corrects a stock row and returns it. Units that are reserved or allocated cannot
// be taken away: cancel or move the orders first. One round trip.
//
// Errors: *invalid.Error, *NotEnoughError, ErrUnknownWarehouse, ErrNoStock, for a repetition
// *idempotency.Replay or idempotency.ErrReused.
func (s *Stock) Adjust(ctx context.Context, in Adjustment) (Level, error) {
	if err := in.Validate(); err != nil {
		return Level{}, err
	}
	at, err := s.find(ctx, in.Warehouse, in.SKU)
	if err != nil {
		return Level{}, err
	}
	var level Level
	err = s.write(ctx, in.Operation, at, -in.Delta, func(b *database.Batch) error {
		level = Level{}
		queueChange(b, at, in.Delta)
		event := stockEvent("stock.adjusted", at, map[string]any{"delta": in.Delta})
		return in.queueRecord(b, at, "adjust", in.Delta, event, &level)
	})
	if err != nil {
		return Level{}, fmt.Errorf("adjust stock: %w", err)
	}
	return level, nil
}

// queueChange changes what a stock row has. Where there is none it changes nothing, and
// the movement that follows has no row to refer to and fails the batch.
func queueChange(b *database.Batch, at rowKey, delta int64) {
	b.Queue(`
UPDATE stock s SET on_hand = s.on_hand + $4, updated_at = now()`+bandMoved(`+ $4`)+`
WHERE s.region = $1 AND s.sku = $2 AND s.warehouse = $3`, at.Region, at.SKU, at.Warehouse, delta)
}
