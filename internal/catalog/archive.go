package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/outbox"
)

// ArchiveProduct takes a product off sale and returns it as its seller sees it. version is
// the one that the caller saw. Its SKUs keep their states: an update with another status
// puts all back. It returns ErrVersionConflict and ErrNotFound. One round trip.
func (c *Catalog) ArchiveProduct(ctx context.Context, seller, id uuid.UUID, version int64) (Product, error) {
	var p Product
	err := c.db.Write(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE products
SET status = 'archived', updated_at = now(),
    version = CASE WHEN seller_id = $2 AND version = $3 THEN version + 1 ELSE -1 END
WHERE id = $1
RETURNING id`, id, seller, version).QueryRow(func(row pgx.Row) error { return row.Scan(&p.ID) })
		queueRelist(b, `p.id = ANY($1::uuid[])`, []uuid.UUID{id})
		// A product that is not there must not leave an event behind.
		event := changedEvent(c.db.Region(), id, Archived)
		if err := outbox.QueueWhere(b, event, `EXISTS (SELECT 1 FROM products WHERE id = @product)`, database.Args{"product": id}); err != nil {
			return err
		}
		queueRead(b, id, &p)
		return nil
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Product{}, ErrNotFound
	case database.Violates(err, "products_version_current"):
		if _, readErr := c.GetSellerProduct(ctx, seller, id); readErr != nil {
			return Product{}, readErr
		}
		return Product{}, ErrVersionConflict
	case err != nil:
		return Product{}, fmt.Errorf("archive product: %w", err)
	}
	c.cache.forget(p.ID, p.Slug, atVersion(p.Version))
	return p, nil
}
