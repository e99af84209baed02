package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Pending is what the workers of a shop have yet to finish.
type Pending struct {
	Orders   int64 `json:"orders"`   // that wait for their payment
	Payments int64 `json:"payments"` // whose outcome is not known
	Refunds  int64 `json:"refunds"`  // that the provider has not settled
	Webhooks int64 `json:"webhooks"` // not acted on
	Events   int64 `json:"events"`   // not delivered
}

// Any reports whether something is left.
func (p Pending) Any() bool { return p != Pending{} }

// readPending counts what is left.
func readPending(ctx context.Context, db *database.DB) (Pending, error) {
	p, err := database.One(ctx, db, func(row pgx.CollectableRow) (p Pending, err error) {
		err = row.Scan(&p.Orders, &p.Payments, &p.Refunds, &p.Webhooks, &p.Events)
		return p, err
	}, `
SELECT (SELECT count(*) FROM orders WHERE status = 'pending_payment'),
  (SELECT count(*) FROM payments WHERE status IN ('pending', 'requires_action')),
  (SELECT count(*) FROM refunds WHERE status = 'pending'),
  (SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL),
  (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)`)
	if err != nil {
		return Pending{}, fmt.Errorf("count what is left: %w", err)
	}
	return p, nil
}

// settlePoll is how often a shop is asked whether it has finished.
const settlePoll = 250 * time.Millisecond

// settle waits until nothing is pending and returns how long that took, or what is left when ctx ends. The workers run
// by themselves. A claim of a pod that was killed runs out after up to some minutes; hurry has that time pass at once.
func settle(ctx context.Context, db *database.DB, hurry bool) (time.Duration, Pending, error) {
	began := time.Now()
	var last Pending
	for {
		left, err := readPending(ctx, db)
		switch {
		case ctx.Err() != nil:
			return time.Since(began), last, nil
		case err != nil:
			return time.Since(began), last, err
		case !left.Any():
			return time.Since(began), left, nil
		}
		last = left
		if hurry {
			// Where the workers are quicker, it is for the next turn.
			if err := bringForward(ctx, db); err != nil && ctx.Err() == nil && !errors.As(err, new(*database.RetriesExhaustedError)) {
				return time.Since(began), last, err
			}
		}
		sleep(ctx, settlePoll)
	}
}

// bringForward makes everything due, also for the workers of other regions, which wait a minute longer. A claim that is
// still worked on is then taken by two workers: that, too, must do no harm.
func bringForward(ctx context.Context, db *database.DB) error {
	err := db.WriteIdempotent(ctx, func(b *database.Batch) error {
		for _, sql := range []string{
			`UPDATE orders SET next_expiry_at = now() - INTERVAL '61 seconds' WHERE status = 'pending_payment' AND next_expiry_at > now()`,
			`UPDATE payments SET next_check_at = now() - INTERVAL '61 seconds' WHERE status IN ('pending', 'requires_action') AND next_check_at > now()`,
			`UPDATE refunds SET next_attempt_at = now() - INTERVAL '61 seconds' WHERE status = 'pending' AND next_attempt_at > now()`,
			`UPDATE webhook_inbox SET next_attempt_at = now() - INTERVAL '61 seconds' WHERE processed_at IS NULL AND next_attempt_at > now()`,
			`UPDATE outbox SET next_attempt_at = now() - INTERVAL '61 seconds' WHERE delivered_at IS NULL AND next_attempt_at > now()`,
		} {
			b.Queue(sql)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bring the workers' next look forward: %w", err)
	}
	return nil
}
