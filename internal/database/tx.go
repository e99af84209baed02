package database

import (
	"context"
	"errors"

	crdbpgx "github.com/cockroachdb/cockroach-go/v2/crdb/crdbpgxv5"
	"github.com/jackc/pgx/v5"
)

type inTxKey struct{}

// refuseInTx returns the error of a call on the pool from inside Tx: it would wait for a second
// connection while it holds one, and for ever where all do.
func refuseInTx(ctx context.Context) error {
	if ctx.Value(inTxKey{}) == nil {
		return nil
	}
	return errors.New("a database call with its own connection inside Tx: use the transaction it was given")
}

// Tx runs fn in an interactive SERIALIZABLE transaction, for the rare work that must read
// before it can say what to write. fn may run more than once: it resets what it captured,
// keeps its effects inside tx, wraps errors with %w, and makes its calls with the context
// it is given (a call on the pool from inside fn is refused).
//
// It costs its statements' round trips and two more on PostgreSQL, for BEGIN and COMMIT; on CockroachDB
// four more, for BEGIN, SAVEPOINT, RELEASE and COMMIT. That restart protocol keeps the transaction's place
// in the queue; on PostgreSQL it never succeeds and hides COMMIT's error, so there the whole transaction is
// run again.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.Serializable}
	return db.retry(ctx, notSafeToRepeat, func(ctx context.Context) error {
		inTx := context.WithValue(ctx, inTxKey{}, true)
		run := func(tx pgx.Tx) error { return fn(inTx, tx) }
		if db.engine == CockroachDB {
			return crdbpgx.ExecuteTx(ctx, db.pool, options, run)
		}
		return pgx.BeginTxFunc(ctx, db.pool, options, run)
	})
}
