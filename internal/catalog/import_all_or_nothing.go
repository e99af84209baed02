package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/pricing"
)

// allOrNothing checks the whole file and then, if all of it is good, applies it in one
// transaction.
func (run *importRun) allOrNothing(ctx context.Context) error {
	total := 2 * run.in.Size
	var found chunk
	var jumps []pricing.Price
	err := readChunks(ctx, run.in, 0, func(c chunk) error {
		if c.last > MaxAllOrNothingLines {
			return &TooManyLinesError{}
		}
		v, err := run.judge(ctx, run.catalog.db.Read, c)
		if err != nil {
			return err
		}
		found.last, found.badLines = c.last, found.badLines+v.badLines
		jumps = append(jumps, v.jumps...)
		found.faults = append(found.faults, v.faults[:min(len(v.faults), maxStoredErrors-len(found.faults))]...)
		run.progress(c.last, c.end, total)
		if time.Since(run.beaten) < beatEvery {
			return nil
		}
		return run.beat(ctx, aliveReading)
	})
	var tooMany *TooManyLinesError
	switch {
	case errors.As(err, &tooMany):
		return errors.Join(err, run.finish(ctx, ImportFailed))
	case err != nil:
		return err
	case found.badLines > 0:
		return run.fail(ctx, found)
	}
	return run.applyAll(ctx, total, jumps)
}

// fail ends the import with what is wrong and nothing applied.
func (run *importRun) fail(ctx context.Context, found chunk) error {
	err := run.catalog.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		run.queueFaults(b, found.faults)
		b.Queue(`
UPDATE imports
SET status = 'failed', lines_done = $3, lines_bad = $4, finished_at = now(), updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'running'`,
			run.row.Ref.Region, run.row.Ref.ID, found.last, found.badLines)
		return nil
	})
	if err != nil {
		return fmt.Errorf("report bad lines: %w", err)
	}
	return nil
}

// applyAll writes the whole file in one transaction, in which it proposes the prices that jump.
func (run *importRun) applyAll(ctx context.Context, total int64, jumps []pricing.Price) error {
	if err := run.beat(ctx, aliveApplying); err != nil {
		return fmt.Errorf("begin to apply: %w", err)
	}
	waiting, queueWaiting, err := run.in.Gate.propose(ctx, jumps)
	if err != nil {
		return err
	}
	run.waiting = len(waiting)
	proposed := make(map[pricing.Price]bool, len(jumps))
	for _, p := range jumps {
		proposed[p] = true
	}
	err = run.catalog.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		send := inTx(tx)
		run.row.LinesDone = 0
		err := readChunks(ctx, run.in, 0, func(c chunk) error {
			v, err := run.judge(ctx, send, c)
			if err != nil {
				return err
			}
			isNew := func(p pricing.Price) bool { return !proposed[p] }
			if v.badLines > 0 || slices.ContainsFunc(v.jumps, isNew) {
				return ErrChangedMeanwhile
			}
			err = send(ctx, func(b *database.Batch) error {
				run.queueAdvance(b, v)
				return run.queueVerdict(b, v)
			})
			run.row.LinesDone = c.last
			run.progress(c.last, total/2+c.end, total)
			return err
		})
		if err != nil {
			return err
		}
		return send(ctx, func(b *database.Batch) error {
			queueWaiting(b)
			run.queueFinish(b, ImportDone)
			// The products' times are that of the transaction's begin, too long ago for polls to find.
			QueueForgetAll(b)
			return nil
		})
	})
	switch {
	case database.Violates(err, "imports_status_known"):
		return ErrImportOvertaken
	case isRace(err):
		return ErrChangedMeanwhile
	case err != nil:
		return fmt.Errorf("apply the file: %w", err)
	}
	run.catalog.cache.forgetAll()
	return nil
}
