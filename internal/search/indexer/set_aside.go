package indexer

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/search"
)

// maxReason bounds what is kept of an engine's words.
const maxReason = 500

// setAside writes down what the index cannot take, before the feed goes on without it.
func (x *Indexer) setAside(ctx context.Context, refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	var ids []uuid.UUID
	var versions []int64
	var reasons []string
	known := make(map[uuid.UUID]bool)
	for _, r := range refused {
		if known[r.id] {
			continue
		}
		known[r.id] = true
		ids, versions = append(ids, r.id), append(versions, r.version)
		reasons = append(reasons, database.Text(r.reason[:min(len(r.reason), maxReason)]))
		x.Log.WarnContext(ctx, "a product is set aside: the search index cannot take it", "replica", x.Replica, "product", r.id, "reason", r.reason)
	}
	err := x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = replica, $3 = products, $4 = versions, $5 = reasons
		b.Queue(`
INSERT INTO search_set_aside (region, replica, product_id, version, reason)
SELECT $1::text::crdb_internal_region, $2::text, n.product_id, n.version, n.reason
FROM unnest($3::uuid[], $4::int8[], $5::text[]) AS n (product_id, version, reason)
ON CONFLICT (region, replica, product_id) DO UPDATE
SET version = excluded.version, reason = excluded.reason, updated_at = now(), expires_at = now() + INTERVAL '30 days'`,
			x.DB.Region(), x.Replica, ids, versions, reasons)
		return nil
	})
	if err != nil {
		return fmt.Errorf("set %d products aside: %w", len(ids), err)
	}
	for _, id := range ids {
		x.aside[id] = true
	}
	return nil
}

// takeBack forgets that products were set aside which now are in the index, or have no place there any more.
func (x *Indexer) takeBack(ctx context.Context, c search.Changes, refused map[uuid.UUID]bool) error {
	var ids []uuid.UUID
	for _, d := range c.Put {
		if x.aside[d.ID] && !refused[d.ID] {
			ids = append(ids, d.ID)
		}
	}
	for _, id := range c.Delete {
		if x.aside[id] {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	err := x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
DELETE FROM search_set_aside
WHERE region = $1 AND replica = $2 AND product_id = ANY($3::uuid[])`, x.DB.Region(), x.Replica, ids)
		return nil
	})
	if err != nil {
		return fmt.Errorf("take %d products back: %w", len(ids), err)
	}
	for _, id := range ids {
		delete(x.aside, id)
	}
	return nil
}

// maxAside bounds the products set aside that a feed remembers from before.
const maxAside = 100_000

// readAside reads what a feed before this one has set aside.
func (x *Indexer) readAside(ctx context.Context) error {
	ids, err := database.List(ctx, x.DB, pgx.RowTo[uuid.UUID], `
SELECT product_id
FROM search_set_aside
WHERE region = $1 AND replica = $2
LIMIT $3::int8`, x.DB.Region(), x.Replica, maxAside)
	if err != nil {
		return fmt.Errorf("read what is set aside: %w", err)
	}
	clear(x.aside)
	for _, id := range ids {
		x.aside[id] = true
	}
	return nil
}
