package database

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Batch holds the statements of one round trip. Domains join it by their QueueXxx functions
// and read results in the callbacks of pgx.QueuedQuery.
type Batch struct{ pgx.Batch }

// Write sends the statements that queue adds as one implicit transaction in one round
// trip: all of them happen or none. A conflict runs it again, queue included, so queue
// resets what its callbacks fill. A callback's error is returned but comes too late to
// undo the statements before it: only the database's own refusal, by a constraint, does.
//
// When the connection is lost at the wrong moment the error is ErrOutcomeUnknown. Use
// WriteIdempotent where the batch can find out by itself.
func (db *DB) Write(ctx context.Context, queue func(b *Batch) error) error {
	return db.send(ctx, notSafeToRepeat, queue)
}

// WriteIdempotent does what Write does for a batch that changes nothing when it has already happened
// (its transitions are conditional, its inserts hold an idempotency key or upsert): it is
// also run again when the outcome of a run is unknown.
func (db *DB) WriteIdempotent(ctx context.Context, queue func(b *Batch) error) error {
	return db.send(ctx, safeToRepeat, queue)
}

func (db *DB) send(ctx context.Context, repeat repeatable, queue func(b *Batch) error) error {
	return db.retry(ctx, repeat, func(ctx context.Context) error {
		batch := new(Batch)
		if err := queue(batch); err != nil {
			return err
		}
		if batch.Len() == 0 {
			return nil
		}
		return db.pool.SendBatch(ctx, &batch.Batch).Close()
	})
}

// Affected makes a queued statement add the number of its rows to n.
func Affected(q *pgx.QueuedQuery, n *int64) {
	q.Exec(func(tag pgconn.CommandTag) error {
		*n += tag.RowsAffected()
		return nil
	})
}

// Collect returns a callback for a queued statement that reads its rows into a list.
func Collect[T any](into *[]T, scan pgx.RowToFunc[T]) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, scan)
		return err
	}
}

// CollectFirst returns a callback for a queued statement that reads the first of its rows, and
// leaves into as it is where there is none.
func CollectFirst[T any](into *T, scan pgx.RowToFunc[T]) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scan)
		if err == nil && len(found) > 0 {
			*into = found[0]
		}
		return err
	}
}
