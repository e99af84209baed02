package indexer

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/search"
)

// followLimit is the number of changes read from a source at once.
const followLimit = 1000

// follow writes the latest changes: a page of each source, read in one round trip. It returns true if a source has
// more.
func (f *feed) follow(ctx context.Context) (more bool, err error) {
	pages, err := f.readChanges(ctx)
	if err != nil {
		return false, fmt.Errorf("read changes: %w", err)
	}
	var ids []uuid.UUID
	known := make(map[uuid.UUID]bool)
	positions := make(map[string]string)
	for i, follower := range f.followers {
		if pages[i].skipped {
			continue
		}
		for _, c := range follower.unseen(pages[i].changes) {
			if !known[c.product] {
				known[c.product] = true
				ids = append(ids, c.product)
			}
		}
		positions[follower.name] = follower.floorAfter(pages[i]).UTC().Format(time.RFC3339Nano)
		more = more || !pages[i].last
	}
	if len(ids) == 0 && f.stale(positions) {
		err = f.write(ctx, search.Changes{Positions: positions}, nil)
	} else {
		err = f.writeProducts(ctx, ids, positions)
	}
	if err != nil {
		return false, err
	}
	for i, follower := range f.followers {
		if !pages[i].skipped {
			follower.done(pages[i], f.Overlap)
		}
	}
	f.caughtUp = f.oldest()
	return more, nil
}

// positionsEvery is how far positions may advance in memory, while nothing changes, before they are written to the
// index. A restarted feed reads the changes since.
const positionsEvery = 30 * time.Second

// stale reports whether the positions in the index are far behind these.
func (f *feed) stale(positions map[string]string) bool {
	for name, position := range positions {
		now, err := time.Parse(time.RFC3339Nano, position)
		was, _ := time.Parse(time.RFC3339Nano, f.positions[name]) // the zero time where there is none
		if err == nil && !was.IsZero() && now.Sub(was) > positionsEvery {
			return true
		}
	}
	return false
}

// readChanges reads a page of each source that is to be read now.
func (f *feed) readChanges(ctx context.Context) ([]sourcePage, error) {
	began := time.Now()
	found := make([]func() []change, len(f.followers))
	var now time.Time
	err := f.DB.Read(ctx, func(b *database.Batch) error {
		b.Queue(`SELECT now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
		for i, follower := range f.followers {
			if follower.waits(f.SlowPoll) {
				continue
			}
			follower.begin(f.Overlap)
			found[i] = follower.queue(b, follower.pass.behind, followLimit)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.ahead = began.Sub(now)
	pages := make([]sourcePage, len(found))
	for i := range found {
		if found[i] == nil {
			pages[i] = sourcePage{skipped: true}
			continue
		}
		changes := found[i]()
		pages[i] = sourcePage{changes: changes, last: len(changes) < followLimit, at: now, cost: time.Since(began)}
	}
	return pages, nil
}

// writeProducts renders products and writes them page by page, with the positions on the last page. Without products it
// writes nothing.
func (f *feed) writeProducts(ctx context.Context, ids []uuid.UUID, positions map[string]string) error {
	for len(ids) > 0 {
		n := min(len(ids), f.Page)
		r, err := f.render.documents(ctx, ids[:n])
		if err != nil {
			return err
		}
		changes := search.Changes{Put: r.documents, Delete: r.absent}
		if n == len(ids) {
			changes.Positions = positions
		}
		if err := f.write(ctx, changes, r.invalid); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
