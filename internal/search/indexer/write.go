package indexer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/search"
)

// write applies changes to the index, sets aside what it cannot hold, and takes back what it now holds. If it fails the
// positions have not moved. It may be repeated.
func (f *feed) write(ctx context.Context, c search.Changes, invalid []refusal) error {
	if err := f.setAside(ctx, invalid); err != nil {
		return err
	}
	if len(c.Put)+len(c.Delete)+len(c.Positions) == 0 {
		return nil
	}
	c.Positions = f.withFloors(c.Positions)
	began := time.Now()
	refused, err := f.apply(ctx, c)
	if err != nil {
		return fmt.Errorf("write %d documents into the index: %w", len(c.Put)+len(c.Delete), err)
	}
	if len(c.Put)+len(c.Delete) > 0 {
		f.metrics.wrote(ctx, len(c.Put)-len(refused), len(c.Delete), time.Since(began))
	}
	maps.Copy(f.positions, c.Positions)
	return f.takeBack(ctx, c, refused)
}

// withFloors adds the floors of sources without a position, so that a new index records since when it is followed.
// Empty positions stay empty: they belong to a partial step.
func (f *feed) withFloors(positions map[string]string) map[string]string {
	if len(positions) == 0 {
		return nil
	}
	all := maps.Clone(positions)
	for _, follower := range f.followers {
		if all[follower.name] == "" && f.positions[follower.name] == "" {
			all[follower.name] = follower.floor.UTC().Format(time.RFC3339Nano)
		}
	}
	return all
}

// apply writes changes without the documents that the engine refuses, which it sets aside and returns. If the engine
// does not name them, they are isolated by bisection.
func (f *feed) apply(ctx context.Context, c search.Changes) (refused map[uuid.UUID]bool, err error) {
	err = f.index.Apply(ctx, c)
	var rejected *search.RejectedError
	if err == nil || !errors.As(err, &rejected) || len(c.Put) == 0 {
		return nil, err
	}
	bad := named(c.Put, rejected.IDs)
	if len(bad) == 0 && len(c.Put) > 1 {
		return f.applyHalves(ctx, c)
	}
	if len(bad) == 0 {
		bad = c.Put
	}
	refused = make(map[uuid.UUID]bool)
	var aside []refusal
	for _, d := range bad {
		refused[d.ID] = true
		aside = append(aside, refusal{id: d.ID, version: d.Version, reason: rejected.Reason})
	}
	if err := f.setAside(ctx, aside); err != nil {
		return nil, err
	}
	c.Put = slices.DeleteFunc(slices.Clone(c.Put), func(d search.Document) bool { return refused[d.ID] })
	more, err := f.apply(ctx, c)
	maps.Copy(refused, more)
	return refused, err
}

// applyHalves applies the first half of the documents, then the second half with everything else.
func (f *feed) applyHalves(ctx context.Context, c search.Changes) (map[uuid.UUID]bool, error) {
	half := len(c.Put) / 2
	refused, err := f.apply(ctx, search.Changes{Put: c.Put[:half]})
	if err != nil {
		return nil, err
	}
	c.Put = c.Put[half:]
	more, err := f.apply(ctx, c)
	if refused == nil {
		return more, err
	}
	maps.Copy(refused, more)
	return refused, err
}

// named returns the documents with the given ids.
func named(documents []search.Document, ids []uuid.UUID) []search.Document {
	var found []search.Document
	for _, d := range documents {
		if slices.Contains(ids, d.ID) {
			found = append(found, d)
		}
	}
	return found
}

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
