package indexer

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/pricing/changes"
)

// rulesState is a text that differs whenever documents may be others although no row changed that the sources tell of:
// the form of documents, the rules of prices, the category tree, the active warehouses.
type rulesState string

func (x *Indexer) readRules(ctx context.Context) (rulesState, error) {
	var now time.Time
	var version int64
	var tree, warehouses string
	err := x.DB.Read(ctx, func(b *database.Batch) error {
		changes.QueueVersion(b, &version)
		catalog.QueueTreeState(b, &now, &tree)
		inventory.QueueBandState(b, x.DB.Region(), &warehouses)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the state of the rules: %w", err)
	}
	return rulesState(fmt.Sprintf("form %s, prices %d, tree %s, warehouses %s", form, version, tree, warehouses)), nil
}

func queueNow(b *database.Batch, into *time.Time) {
	b.Queue(`SELECT now()`).QueryRow(func(row pgx.Row) error { return row.Scan(into) })
}
