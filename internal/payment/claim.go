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

// Due is a payment whose outcome has not been heard, with what a worker needs of its
// order to ask for it again.
type Due struct {
	Payment
	OrderOpen      bool      // the order still waits for the payment
	OrderChangedAt time.Time // when the order came to where it stands, by the database's clock
}

// checkLife is how long a claimed payment is left alone: longer than asking takes.
const checkLife = time.Minute

// lookAgain is when a payment that was set aside is asked about again: whoever was told of
// it may have put it right at the provider.
const lookAgain = 24 * time.Hour

// ClaimDue claims up to limit payments whose outcome is overdue. The next look is later
// each time, up to an hour, and a day later for one that was set aside.
func ClaimDue(ctx context.Context, db *database.DB, of database.Reach, now time.Time, limit int) ([]Due, error) {
	// $1 = region, $2 = seconds overdue, $3 = now, $4 = limit, $5 = seconds of the claim,
	// $6 = seconds of the claim of one set aside
	due, err := database.Claim(ctx, db, of, scanDue, `
WITH due AS (
  SELECT region, id
  FROM payments
  WHERE region = $1 AND status IN ('pending', 'requires_action')
    AND next_check_at <= $3::timestamptz - $2::int8 * INTERVAL '1 second'
  ORDER BY next_check_at
  LIMIT $4::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE payments p SET attempts = p.attempts + 1,
  next_check_at = $3::timestamptz
    + CASE WHEN p.set_aside_at IS NULL THEN least($5::int8 * (p.attempts + 1), 3600) ELSE $6::int8 END * INTERVAL '1 second'
FROM due, orders o
WHERE p.region = due.region AND p.id = due.id AND o.region = p.region AND o.id = p.order_id
RETURNING `+Columns+`, o.status = 'pending_payment', o.updated_at`,
		now, limit, int64(checkLife/time.Second), int64(lookAgain/time.Second))
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

// DueRefund is a refund to be sent.
type DueRefund struct {
	Ref         regions.Ref
	OrderID     uuid.UUID
	PaymentID   uuid.UUID
	AmountMinor int64
	Currency    money.Currency
	Provider    string
	PaymentRef  string // the provider's own id of the payment
}

// refundClaim is how long a claimed refund is left alone: longer than sending it takes.
const refundClaim = time.Minute

// ClaimRefunds claims up to limit refunds that are due, with the provider of each one's
// payment. The next try is later each time, up to an hour.
func ClaimRefunds(ctx context.Context, db *database.DB, of database.Reach, limit int) ([]DueRefund, error) {
	// $1 = region, $2 = seconds overdue, $3 = limit, $4 = seconds of the claim
	due, err := database.Claim(ctx, db, of, scanDueRefund, `
WITH due AS (
  SELECT region, id
  FROM refunds
  WHERE region = $1 AND status = 'pending' AND next_attempt_at <= now() - $2::int8 * INTERVAL '1 second'
  ORDER BY next_attempt_at
  LIMIT $3::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE refunds r SET attempts = r.attempts + 1,
  next_attempt_at = now() + least($4::int8 * (r.attempts + 1), 3600) * INTERVAL '1 second'
FROM due, payments p
WHERE r.region = due.region AND r.id = due.id AND p.region = r.region AND p.id = r.payment_id
RETURNING r.region, r.id, r.order_id, r.payment_id, r.amount_minor, r.currency, p.provider, p.provider_ref`,
		limit, int64(refundClaim/time.Second))
	if err != nil {
		return nil, fmt.Errorf("claim refunds: %w", err)
	}
	return due, nil
}

func scanDueRefund(row pgx.CollectableRow) (DueRefund, error) {
	var d DueRefund
	err := row.Scan(&d.Ref.Region, &d.Ref.ID, &d.OrderID, &d.PaymentID, &d.AmountMinor, &d.Currency, &d.Provider, &d.PaymentRef)
	return d, err
}
