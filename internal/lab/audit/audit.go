// Package audit waits for a shop to settle and checks what a run of the lab left behind.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
	"meridian/internal/verify"
)

// Pending counts what the workers of a shop have yet to finish.
type Pending struct {
	Orders   int64 `json:"orders"`   // that wait for their payment
	Payments int64 `json:"payments"` // whose outcome is unknown
	Refunds  int64 `json:"refunds"`  // that the provider has not settled
	Webhooks int64 `json:"webhooks"` // not processed
	Events   int64 `json:"events"`   // not delivered
}

// Total returns the sum.
func (p Pending) Total() int64 { return p.Orders + p.Payments + p.Refunds + p.Webhooks + p.Events }

// Count reads what is pending.
func Count(ctx context.Context, db *database.DB) (Pending, error) {
	p, err := database.One(ctx, db, pgx.RowToStructByPos[Pending], `
SELECT (SELECT count(*) FROM orders WHERE status = 'pending_payment'),
  (SELECT count(*) FROM payments WHERE status IN ('pending', 'requires_action')),
  (SELECT count(*) FROM refunds WHERE status = 'pending'),
  (SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL),
  (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)`)
	if err != nil {
		return Pending{}, fmt.Errorf("count what is pending: %w", err)
	}
	return p, nil
}

// settleEvery is the pause between two counts.
const settleEvery = 50 * time.Millisecond

// Settle waits until nothing is pending, within the time given, and returns what is left and
// how long that took. hurry, if not nil, is called between two counts.
func Settle(ctx context.Context, db *database.DB, within time.Duration, hurry func(context.Context) error) (left Pending,
	took time.Duration, err error) {
	began := time.Now()
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = client.Poll(waiting, settleEvery, func() (bool, error) {
		now, err := Count(ctx, db)
		if err != nil || now.Total() == 0 {
			left = now
			return err == nil, err
		}
		left = now
		if hurry != nil && waiting.Err() == nil {
			err = hurry(waiting)
		}
		if waiting.Err() != nil {
			err = nil // cut off by the time given
		}
		return false, err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return left, time.Since(began), err
}

// Audit holds the outcome of verify.
type Audit struct {
	Clean    bool     `json:"clean"`
	Checks   int      `json:"checks"`
	Examined int64    `json:"-"`
	Broken   int64    `json:"broken"`
	Overdue  int64    `json:"overdue"`
	Examples []string `json:"examples,omitzero"`
}

// Verify checks the shop's invariants, as meridian verify does.
func Verify(ctx context.Context, db *database.DB, options verify.Options) (Audit, error) {
	found, err := verify.Run(ctx, db, options)
	if err != nil {
		return Audit{}, fmt.Errorf("audit: %w", err)
	}
	a := Audit{Clean: found.Clean, Checks: len(found.Results), Broken: found.Broken, Overdue: found.Overdue}
	for _, result := range found.Results {
		a.Examined += result.Examined
		for _, e := range result.Examples {
			a.Examples = append(a.Examples, fmt.Sprintf("%s: %s %s: %s", result.Check, e.Region, e.ID, e.Problem))
		}
	}
	return a, nil
}
