package payment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/regions"
)

// State is where a payment stands in our own rows.
type State string

// The states of a payment. Captured is final; Failed and Cancelled give way to Captured.
const (
	Pending        State = "pending"
	RequiresAction State = "requires_action"
	Captured       State = "captured"
	Failed         State = "failed"
	Cancelled      State = "cancelled"
)

// Payment is an order's payment. Amounts are minor units of Currency.
type Payment struct {
	Ref           regions.Ref
	OrderID       uuid.UUID
	Provider      string
	ProviderRef   string
	Method        string
	State         State
	FailureCode   string
	Currency      money.Currency
	AmountMinor   int64
	CapturedMinor int64
	RefundedMinor int64
	Attempts      int64
	CreatedAt     time.Time
}

// Columns are the columns of payments (as p) that Scan reads.
const Columns = `p.region, p.id, p.order_id, p.provider, p.provider_ref, p.method, p.status, p.failure_code,
  p.currency, p.amount_minor, p.captured_minor, p.refunded_minor, p.attempts, p.created_at`

// Scan reads Columns.
func Scan(row pgx.CollectableRow) (Payment, error) {
	var p Payment
	err := row.Scan(p.targets()...)
	return p, err
}

// targets is where Columns are scanned to, in their order.
func (p *Payment) targets() []any {
	return []any{
		&p.Ref.Region, &p.Ref.ID, &p.OrderID, &p.Provider, &p.ProviderRef, &p.Method, &p.State, &p.FailureCode,
		&p.Currency, &p.AmountMinor, &p.CapturedMinor, &p.RefundedMinor, &p.Attempts, &p.CreatedAt,
	}
}

// QueueInsert adds a new payment to the batch that places its order. If no outcome is
// heard by checkAt, a worker asks the provider.
func QueueInsert(b *database.Batch, p Payment, transition uuid.UUID, checkAt time.Time) {
	// $1 = region, $2 = id, $3 = order, $4 = provider, $5 = method, $6 = currency,
	// $7 = amount, $8 = transition, $9 = next check
	b.Queue(`
INSERT INTO payments (region, id, order_id, provider, method, currency, amount_minor, transition_id, next_check_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		p.Ref.Region, p.Ref.ID, p.OrderID, p.Provider, p.Method, p.Currency, p.AmountMinor, transition, checkAt)
}

// QueueOutcome adds what a provider said of a payment to the batch that acts on it. The
// payment's row carries transition afterwards if, and only if, this changed its state.
// A success is recorded only if it is of the very amount that was asked for.
func QueueOutcome(b *database.Batch, payment regions.Ref, transition uuid.UUID, outcome Outcome) {
	switch outcome.Status {
	case StatusSucceeded:
		// $1 = region, $2 = id, $3 = transition, $4 = provider's id, $5 = captured, $6 = currency
		b.Queue(`
UPDATE payments SET status = 'captured', captured_minor = $5, provider_ref = $4, failure_code = '',
  transition_id = $3, updated_at = now()
WHERE region = $1 AND id = $2 AND status <> 'captured' AND amount_minor = $5 AND currency = $6`,
			payment.Region, payment.ID, transition, outcome.ProviderRef, outcome.CapturedMinor, outcome.Amount.Currency)
	case StatusFailed, StatusCancelled:
		// $1 = region, $2 = id, $3 = transition, $4 = provider's id, $5 = status, $6 = failure code
		b.Queue(`
UPDATE payments SET status = $5, provider_ref = $4, failure_code = $6, transition_id = $3, updated_at = now()
WHERE region = $1 AND id = $2 AND status IN ('pending', 'requires_action')`,
			payment.Region, payment.ID, transition, outcome.ProviderRef, string(outcome.Status), outcome.FailureCode)
	case StatusRequiresAction:
		b.Queue(`
UPDATE payments SET status = 'requires_action', provider_ref = $4, transition_id = $3, updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'pending'`,
			payment.Region, payment.ID, transition, outcome.ProviderRef)
	}
}

// Due is a payment whose outcome has not been heard, with what a worker needs of its
// order to ask for it again.
type Due struct {
	Payment
	OrderOpen      bool      // the order still waits for the payment
	OrderChangedAt time.Time // when the order came to where it stands, by the database's clock
}

// checkLife is how long a claimed payment is left alone: longer than asking takes.
const checkLife = time.Minute

// ClaimDue claims up to limit payments whose outcome is overdue: of the process's own
// region, or of any when nobody has looked for a minute (its region may be down). The
// next look is later each time, up to an hour.
func ClaimDue(ctx context.Context, db *database.DB, now time.Time, limit int) ([]Due, error) {
	var due []Due
	err := db.Write(ctx, func(b *database.Batch) error {
		due = nil
		// $1 = own region, $2 = now, $3 = limit, $4 = a minute ago, $5 = seconds of the claim
		b.Queue(`
WITH due AS (
  SELECT region, id
  FROM payments
  WHERE status IN ('pending', 'requires_action')
    AND (region = $1 AND next_check_at <= $2 OR next_check_at <= $4)
  ORDER BY next_check_at
  LIMIT $3::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE payments p SET attempts = p.attempts + 1,
  next_check_at = $2::timestamptz + least($5::int8 * (p.attempts + 1), 3600) * INTERVAL '1 second'
FROM due, orders o
WHERE p.region = due.region AND p.id = due.id AND o.region = p.region AND o.id = p.order_id
RETURNING `+Columns+`, o.status = 'pending_payment', o.updated_at`,
			db.Region(), now, limit, now.Add(-time.Minute), int64(checkLife/time.Second)).Query(func(rows pgx.Rows) (err error) {
			due, err = pgx.CollectRows(rows, scanDue)
			return err
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim payments to check: %w", err)
	}
	return due, nil
}

func scanDue(row pgx.CollectableRow) (Due, error) {
	var d Due
	err := row.Scan(append(d.targets(), &d.OrderOpen, &d.OrderChangedAt)...)
	return d, err
}

// QueueCheckNow makes a worker look at the order's payment at once, if it is still open:
// its order was cancelled, so the provider is to be told.
func QueueCheckNow(b *database.Batch, order regions.Ref, transition uuid.UUID) {
	b.Queue(`
UPDATE payments SET next_check_at = now()
WHERE region = $1 AND id = $2 AND status IN ('pending', 'requires_action')
  AND EXISTS (SELECT 1 FROM orders WHERE region = $1 AND id = $2 AND transition_id = $3)`,
		order.Region, order.ID, transition)
}
