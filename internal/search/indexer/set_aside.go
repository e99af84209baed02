package indexer

import (
	"context"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/search"
)

// maxReason bounds the stored reason in bytes.
const maxReason = 500

// setAside stores the products that the index cannot hold, before the feed continues without them.
func (x *Indexer) setAside(ctx context.Context, refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	var rows []asideRow
	known := make(map[uuid.UUID]bool)
	for _, r := range refused {
		if known[r.id] {
			continue
		}
		known[r.id] = true
		rows = append(rows, asideRow{x.DB.Region(), x.Replica, r.id, r.version, database.Text(r.reason[:min(len(r.reason), maxReason)])})
		x.Log.WarnContext(ctx, "a product is set aside: the search index cannot take it",
			"replica", x.Replica, "product", r.id, "reason", r.reason)
	}
	err := x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		database.QueueInsert(b, "search_set_aside", rows, `ON CONFLICT (region, replica, product_id) DO UPDATE
SET version = excluded.version, reason = excluded.reason, updated_at = now(), expires_at = now() + INTERVAL '30 days'`)
		return nil
	})
	if err != nil {
		return fmt.Errorf("set %d products aside: %w", len(rows), err)
	}
	maps.Copy(x.aside, known)
	return nil
}

// asideRow is a row of search_set_aside.
type asideRow struct {
	Region    string `cast:"crdb_internal_region"`
	Replica   string
	ProductID uuid.UUID
	Version   int64
	Reason    string
}

// takeBack deletes the records of products that were set aside and are now in the index, or no longer belong there.
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

// maxAside bounds the products set aside that a feed reads on start.
const maxAside = 100_000

// readAside reads the products that previous feeds have set aside.
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
