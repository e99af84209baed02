package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"meridian/internal/database"
)

// applyAttempts bounds how often a chunk is compared and written again because another edit
// came between the two.
const applyAttempts = 5

// keepGood applies the file's good products chunk by chunk, after the lines that are done.
func (run *importRun) keepGood(ctx context.Context) error {
	group, working := errgroup.WithContext(ctx)
	chunks := make(chan chunk, 1) // the next is read while one is applied
	group.Go(func() error {
		defer close(chunks)
		return readChunks(working, run.in, run.row.LinesDone, func(c chunk) error {
			select {
			case chunks <- c:
				return nil
			case <-working.Done():
				return working.Err()
			}
		})
	})
	group.Go(func() error {
		for c := range chunks {
			if err := run.apply(working, c); err != nil {
				return err
			}
			run.progress(c.last, c.end, run.in.Size)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return run.finish(ctx, ImportDone)
}

// readChunks gives the file's chunks after line done to fn.
func readChunks(ctx context.Context, in ImportInput, done int64, fn func(chunk) error) error {
	reader, err := newChunkReader(in)
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := reader.next(done)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		if err := fn(c); err != nil {
			return err
		}
	}
}

// apply writes a chunk, once.
func (run *importRun) apply(ctx context.Context, c chunk) error {
	for attempt := 1; ; attempt++ {
		err := run.applyOnce(ctx, c)
		switch {
		case database.Violates(err, "imports_status_known"):
			return run.overtaken(ctx, c)
		case isRace(err) && attempt < applyAttempts:
			continue
		case err != nil:
			return fmt.Errorf("apply lines to %d: %w", c.last, err)
		}
		return nil
	}
}

// isRace reports whether the database refused what it would have been seen to refuse, had
// it been asked a moment later.
func isRace(err error) bool {
	for _, constraint := range []string{
		"products_seller_key_key", "products_slug_key", "products_category_fkey", "skus_weight_not_negative",
	} {
		if database.Violates(err, constraint) {
			return true
		}
	}
	return false
}

func (run *importRun) applyOnce(ctx context.Context, c chunk) error {
	v, err := run.judge(ctx, run.catalog.db.Read, c)
	if err != nil {
		return err
	}
	waiting, queueWaiting, err := run.in.Gate.propose(ctx, v.jumps)
	if err != nil {
		return err
	}
	var kept int
	err = run.catalog.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		run.queueAdvance(b, v)
		queueWaiting(b)
		kept = run.queueFaults(b, v.faults)
		return run.queueVerdict(b, v)
	})
	if err != nil {
		return err
	}
	run.stored += kept
	run.waiting += len(waiting)
	run.row.LinesDone = c.last
	run.forget(v.changes)
	return nil
}

// queueAdvance moves lines_done over the chunk. When it is not where this run saw it last,
// the batch fails by imports_status_known.
func (run *importRun) queueAdvance(b *database.Batch, v verdict) {
	// $1 = region, $2 = id, $3 = lines done so far, $4 = and now, $5 = written, $6 = unchanged, $7 = bad
	b.Queue(`
UPDATE imports
SET lines_done = $4, products_written = products_written + $5, products_unchanged = products_unchanged + $6,
    lines_bad = lines_bad + $7, updated_at = now(), alive_until = greatest(alive_until, now() + INTERVAL '1 minute'),
    status = CASE WHEN status = 'running' AND lines_done = $3 THEN 'running' ELSE 'overtaken' END
WHERE region = $1 AND id = $2`,
		run.row.Ref.Region, run.row.Ref.ID, run.row.LinesDone, v.last, len(v.changes), v.unchanged, v.badLines)
}

// overtaken finds out why lines_done is not where it was: this chunk was applied, by this run
// before it lost its connection or by another one, and the run goes on; or another is ahead.
func (run *importRun) overtaken(ctx context.Context, c chunk) error {
	row, err := run.catalog.GetImport(ctx, run.in.Seller, run.row.Ref)
	if err != nil {
		return err
	}
	if row.LinesDone != c.last || row.Status != ImportRunning && row.Status != ImportInterrupted {
		return ErrImportOvertaken
	}
	run.row.LinesDone = row.LinesDone
	return nil
}

// forget drops the changed products from this pod's cache at once; the others' polls find them.
func (run *importRun) forget(changes []change) {
	for _, c := range changes {
		if !c.isNew {
			run.catalog.cache.products.Invalidate(productKey{id: c.id})
		}
	}
}

// finish ends a running import. Repeating it does nothing.
func (run *importRun) finish(ctx context.Context, status ImportStatus) error {
	return run.catalog.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		run.queueFinish(b, status)
		return nil
	})
}

func (run *importRun) queueFinish(b *database.Batch, status ImportStatus) {
	b.Queue(`
UPDATE imports
SET status = $3, finished_at = now(), updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'running'`, run.row.Ref.Region, run.row.Ref.ID, status)
}
