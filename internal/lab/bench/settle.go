package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
)

// How often the database is asked what is pending, and for how long at most.
const (
	settleEvery   = 10 * time.Millisecond
	settleTimeout = 2 * time.Minute
)

// settled waits until no order of the run placed since then is waiting for its payment, and
// returns the time that each paid one took from being placed to being paid. placed_at is by
// the shop's clock: on another machine it must agree with this one's and the database's.
func settled(ctx context.Context, db *database.DB, regions []string, since time.Time) (paid []time.Duration, err error) {
	err = await(ctx, func() (bool, error) {
		pending, err := database.One(ctx, db, pgx.RowTo[int64], `
SELECT count(*)
FROM orders
WHERE region = ANY($1::text[]::crdb_internal_region[]) AND status = 'pending_payment' AND placed_at >= $2 AND email = $3`,
			regions, since, buyerEmail)
		return pending == 0, err
	})
	if err == nil {
		err = database.Each(ctx, db, pgx.RowTo[int64], func(took int64) error {
			paid = append(paid, time.Duration(max(took, 0))*time.Microsecond)
			return nil
		}, `
SELECT (extract(epoch FROM updated_at - placed_at) * 1000000)::int8
FROM orders
WHERE region = ANY($1::text[]::crdb_internal_region[]) AND status = 'paid' AND placed_at >= $2 AND email = $3`,
			regions, since, buyerEmail)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the orders' payments: %w", err)
	}
	return paid, nil
}

// quiet waits until the shop has delivered its events and processed its webhooks, so that
// what one measurement leaves behind is not part of the next. It returns how many there were.
func quiet(ctx context.Context, db *database.DB) (waiting int64, err error) {
	first := true
	err = await(ctx, func() (bool, error) {
		open, err := database.One(ctx, db, pgx.RowTo[int64], `
SELECT (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)
  + (SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL)`)
		if first {
			waiting, first = open, false
		}
		return open == 0, err
	})
	if err != nil {
		return waiting, fmt.Errorf("wait for the shop's background work: %w", err)
	}
	return waiting, nil
}

func await(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return client.Poll(ctx, settleEvery, done)
}
