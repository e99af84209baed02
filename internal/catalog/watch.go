package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/rating"
)

const (
	// pollOverlap is how far back each poll looks again, since an edit's time is when its
	// transaction began and it shows when that ends. A statement may take 10 s, then it commits.
	pollOverlap = 15 * time.Second
	// pollMost is how many changed products are dropped one by one; more, and all are dropped.
	pollMost = 10_000
)

// watermark is what the last poll found: where the next one begins.
type watermark struct {
	// at is the database's clock; zero before the first poll.
	at time.Time
	// tree tells one state of the categories from every other.
	tree string
}

// A changedProduct is what a poll learns of an edit, or of a rating.
type changedProduct struct {
	id   uuid.UUID
	slug string
	// isCurrent is true of what shows the edit or the rating.
	isCurrent func(held Product) bool
}

// Watch keeps the cache no staler than MaxStaleness until ctx ends. While polls fail, and after
// it returns, the cache is not used.
func (c *Catalog) Watch(ctx context.Context) { c.cache.watch.Run(ctx) }

// Refresh makes the cache as fresh as the database is now. One round trip, or none of those who ask at the same time.
func (c *Catalog) Refresh(ctx context.Context) error { return c.cache.watch.Refresh(ctx) }

// PollOnce asks once what has changed and drops it from the cache. One round trip.
func (c *Catalog) PollOnce(ctx context.Context) error { return c.cache.watch.PollOnce(ctx) }

func (c *Catalog) pollChanges(ctx context.Context) error {
	changed, now, err := c.readChanges(ctx)
	if err != nil {
		return fmt.Errorf("poll the catalogue's changes: %w", err)
	}
	// Another state of the tree also stands for an edit of many products at once (QueueForgetAll).
	if now.tree != c.seen.tree || len(changed) > pollMost {
		c.cache.forgetAll()
	} else {
		for _, p := range changed {
			c.cache.forget(p.id, p.slug, p.isCurrent)
		}
	}
	c.seen = now
	return nil
}

// readChanges reads the products edited or rated since the last poll, and where the next begins.
func (c *Catalog) readChanges(ctx context.Context) (changed []changedProduct, now watermark, err error) {
	var rated []changedProduct
	err = c.db.Read(ctx, func(b *database.Batch) error {
		b.Queue(treeStateQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&now.at, &now.tree) })
		if c.seen.at.IsZero() {
			return nil
		}
		b.Queue(`
SELECT id, slug, version
FROM products
WHERE updated_at > $1
LIMIT $2`, c.seen.at.Add(-pollOverlap), pollMost+1).Query(database.Collect(&changed, scanEdited))
		b.Queue(`
SELECT p.id, p.slug, r.stars_sum, r.ratings
FROM `+rating.TotalsSQL+` r
JOIN products p ON p.id = r.product_id
WHERE r.updated_at > $1
LIMIT $2`, c.seen.at.Add(-pollOverlap), pollMost+1).Query(database.Collect(&rated, scanRated))
		return nil
	})
	return append(changed, rated...), now, err
}

func scanEdited(row pgx.CollectableRow) (p changedProduct, err error) {
	var version int64
	err = row.Scan(&p.id, &p.slug, &version)
	p.isCurrent = atVersion(version)
	return p, err
}

func scanRated(row pgx.CollectableRow) (p changedProduct, err error) {
	var total rating.Total
	err = row.Scan(&p.id, &p.slug, &total.Stars, &total.Ratings)
	p.isCurrent = ratedAs(total)
	return p, err
}

// treeStateQuery reads the database's clock and a text that differs whenever a category
// was added or changed: neither the latest time (commits come out of order) nor the number
// alone would.
const treeStateQuery = `
SELECT now(), count(*)::text || '-' || coalesce(sum((extract(epoch FROM updated_at) * 1000000)::int8), 0)::text
FROM categories`

// QueueTouch adds to a batch what makes every pod read the SKUs' products again: their
// version and time move. For those who change what a product's answer shows, a price above
// all, in the same batch. It may be repeated.
func QueueTouch(b *database.Batch, skus []string) {
	b.Queue(`
UPDATE products
SET version = version + 1, updated_at = now()
WHERE id IN (SELECT product_id FROM skus WHERE sku = ANY($1::text[]))`, skus)
}

// QueueForgetAll adds to a batch what makes every pod drop its whole cache: it moves the
// tree's state. It is for transactions that took too long for their products' times to be
// found by the polls, and stands at their end.
func QueueForgetAll(b *database.Batch) {
	b.Queue(`
UPDATE categories
SET updated_at = clock_timestamp()
WHERE id = (SELECT id FROM categories ORDER BY id LIMIT 1)`)
}

// Age returns how old an answer from memory may be now; 0 while the catalogue is read from the
// database.
func (c *Catalog) Age() time.Duration { return c.cache.watch.Age() }
