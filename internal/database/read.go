package database

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// One runs a statement that yields one row and returns it scanned; pgx.ErrNoRows when
// there is none. It is one round trip, run again after a serialization conflict.
func One[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	var one T
	err := db.retry(ctx, safeToRepeat, func(ctx context.Context) error {
		rows, err := db.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		one, err = pgx.CollectExactlyOneRow(rows, scan)
		return err
	})
	return one, err
}

// List runs a statement and returns its rows scanned. It is one round trip, run again
// after a serialization conflict. The statement must bound the number of rows itself.
func List[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	var list []T
	err := db.retry(ctx, safeToRepeat, func(ctx context.Context) error {
		rows, err := db.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scan)
		return err
	})
	return list, err
}

// Each streams a statement's rows to fn without holding them, for audits and exports. It
// is not run again: a conflict is returned.
func Each[T any](ctx context.Context, db *DB, scan pgx.RowToFunc[T], fn func(T) error, sql string, args ...any) error {
	if err := refuseInTx(ctx); err != nil {
		return err
	}
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return err
		}
		if err := fn(one); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Read sends several reads as one round trip, all in one snapshot. queue may run more
// than once: it resets what its callbacks fill.
func (db *DB) Read(ctx context.Context, queue func(b *Batch) error) error {
	return db.send(ctx, safeToRepeat, queue)
}
