package payment

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/regions"
)

// Refund is money promised back. It is written with what caused it and sent by a worker.
type Refund struct {
	Ref         regions.Ref
	OrderID     uuid.UUID
	PaymentID   uuid.UUID
	AmountMinor int64
	Currency    money.Currency
	Reason      string
	Actor       string
	State       RefundStatus
	FailureCode string
	Lines       []RefundLine
	Attempts    int64
	CreatedAt   time.Time
}

// RefundLine is the part of a refund that is for one order line.
type RefundLine struct {
	LineNo      int64 `json:"line_no"`
	Quantity    int64 `json:"quantity"`
	AmountMinor int64 `json:"amount_minor"`
}

// RefundColumns are the columns of refunds (as r) that ScanRefund reads.
const RefundColumns = `r.region, r.id, r.order_id, r.payment_id, r.amount_minor, r.currency, r.reason, r.actor,
  r.status, r.failure_code, r.lines, r.attempts, r.created_at`

// ScanRefund reads RefundColumns.
func ScanRefund(row pgx.CollectableRow) (Refund, error) {
	var r Refund
	err := row.Scan(&r.Ref.Region, &r.Ref.ID, &r.OrderID, &r.PaymentID, &r.AmountMinor, &r.Currency, &r.Reason, &r.Actor,
		&r.State, &r.FailureCode, &r.Lines, &r.Attempts, &r.CreatedAt)
	return r, err
}

// QueueRefund promises money back: refunded_minor is raised, which its CHECK bounds by
// what was captured, and the refund waits for a worker to send it.
func QueueRefund(b *database.Batch, r Refund) error {
	lines := r.Lines
	if lines == nil {
		lines = []RefundLine{}
	}
	text, err := json.Marshal(lines)
	if err != nil {
		return fmt.Errorf("encode refund lines: %w", err)
	}
	b.Queue(`
UPDATE payments SET refunded_minor = refunded_minor + $3, updated_at = now()
WHERE region = $1 AND id = $2`, r.Ref.Region, r.PaymentID, r.AmountMinor)
	// $1 = region, $2 = id, $3 = order, $4 = payment, $5 = amount, $6 = currency,
	// $7 = reason, $8 = actor, $9 = lines
	b.Queue(`
INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor, lines)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.Ref.Region, r.Ref.ID, r.OrderID, r.PaymentID, r.AmountMinor, r.Currency, r.Reason, r.Actor, string(text))
	return nil
}

// QueueRefundIfTooLate promises everything back of those payments that were captured by
// these settlements although their orders are cancelled.
func QueueRefundIfTooLate(b *database.Batch, settlements ...Settlement) {
	c := settlementColumnsOf(settlements)
	b.Queue(`
INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor)
SELECT p.region, gen_random_uuid(), p.order_id, p.id, p.captured_minor, p.currency, 'paid_after_cancellation', 'system'
FROM `+tooLate, c.regions, c.ids, c.transitions)
	b.Queue(`
UPDATE payments SET refunded_minor = late.captured_minor
FROM (SELECT p.region, p.id, p.captured_minor FROM `+tooLate+`) AS late
WHERE payments.region = late.region AND payments.id = late.id`, c.regions, c.ids, c.transitions)
}

// tooLate are the payments ($1 regions, $2 ids, $3 transitions) that were captured when
// their orders were cancelled already.
const tooLate = `unnest($1::text[], $2::uuid[], $3::uuid[]) AS t (region, id, transition_id)
JOIN payments p ON p.region = t.region::crdb_internal_region AND p.id = t.id AND p.transition_id = t.transition_id AND p.status = 'captured' AND p.captured_minor > 0
JOIN orders o ON o.region = p.region AND o.id = p.order_id AND o.status = 'cancelled'`

// TooLarge reports whether a batch failed because more would have been refunded than was
// captured.
func TooLarge(err error) bool { return database.Violates(err, "payments_refunded_within") }

// QueueRefundOutcome records what the provider said of a refund. One that failed gives
// its claim on the captured money back, so that another may be tried.
func QueueRefundOutcome(b *database.Batch, refund regions.Ref, outcome RefundOutcome) {
	switch outcome.Status {
	case RefundSucceeded:
		b.Queue(`
UPDATE refunds SET status = 'succeeded', provider_ref = $3, updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'pending'`, refund.Region, refund.ID, outcome.ProviderRef)
	case RefundFailed:
		b.Queue(`
WITH failed AS (
  UPDATE refunds SET status = 'failed', provider_ref = $3, failure_code = $4, updated_at = now()
  WHERE region = $1 AND id = $2 AND status = 'pending'
  RETURNING region, payment_id, amount_minor
)
UPDATE payments p SET refunded_minor = p.refunded_minor - failed.amount_minor, updated_at = now()
FROM failed
WHERE p.region = failed.region AND p.id = failed.payment_id`, refund.Region, refund.ID, outcome.ProviderRef, outcome.FailureCode)
	}
}
