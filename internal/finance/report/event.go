package report

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/order"
)

// event is one thing that moved money: an order that was paid, or a refund that succeeded.
type event struct {
	key
	rate string // booked with the order; empty for none
	// refundMinor is what was given back, after refundedBefore of the same order; 0 where the
	// event is the order's being paid.
	refundMinor, refundedBefore int64
	// The order's, its lines summed up.
	units                                  int64
	gross, shipping, tax, discount         int64
	reportingGrossMinor, reportingTaxMinor int64
}

// key is what a row of the report is of.
type key struct {
	day       time.Time
	market    string
	currency  money.Currency
	reporting money.Currency // empty where nothing is booked
}

// eachEvent streams the events of a range, those of a row together.
func eachEvent(ctx context.Context, db *database.DB, r Range, fn func(event) error) error {
	if db.Engine() == database.CockroachDB {
		return eachStale(ctx, db, r, fn)
	}
	return db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := undisturbed(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, eventQuery(db.Engine()), r.args()...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEvent(rows)
			if err != nil {
				return err
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// eachStale is eachEvent by a statement that the nearest replicas answer.
func eachStale(ctx context.Context, db *database.DB, r Range, fn func(event) error) error {
	return database.Each(ctx, db, scanEvent, fn, eventQuery(db.Engine()), r.args()...)
}

// undisturbed lets a transaction read whole tables of a shop that is open, on PostgreSQL: it
// waits for a snapshot that no transaction in flight can conflict with, so it is never run
// again, and may take longer than what a shopper waits for. The caller's context bounds it.
func undisturbed(ctx context.Context, tx pgx.Tx) error {
	for _, statement := range []string{`SET TRANSACTION READ ONLY, DEFERRABLE`, `SET LOCAL statement_timeout = '1h'`, database.WholeTables} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func scanEvent(row pgx.CollectableRow) (event, error) {
	var e event
	err := row.Scan(&e.day, &e.market, &e.currency, &e.reporting, &e.rate, &e.refundMinor, &e.refundedBefore,
		&e.units, &e.gross, &e.shipping, &e.tax, &e.discount, &e.reportingGrossMinor, &e.reportingTaxMinor)
	e.day = e.day.UTC()
	return e, err
}

// eventQuery yields the events of a range: $1 = from, $2 = until, $3 = market, $4 = currency,
// which may be empty.
func eventQuery(engine database.Engine) string {
	return `
SELECT e.day, o.market, o.currency, l.reporting_currency, l.reporting_rate, e.refund_minor, e.refunded_before,
  l.units, l.gross, o.shipping_minor, l.tax, l.discount, l.reporting_gross, l.reporting_tax
FROM ` + order.RevenueSQL + engine.FollowerRead() + `
WHERE ($3::text = '' OR o.market = $3::text) AND ($4::text = '' OR o.currency = $4::text)
ORDER BY e.day, o.market, o.currency, l.reporting_currency`
}

func (r Range) args() []any { return []any{r.From, r.end(), r.Market, string(r.Currency)} }
