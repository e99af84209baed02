package payment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/regions"
)

// Refund is money promised back. It is written with what caused it and sent by a worker.
type Refund struct {
	Ref         regions.Ref `db:"*"`
	OrderID     uuid.UUID
	PaymentID   uuid.UUID
	AmountMinor int64
	Currency    money.Currency
	Reason      string
	Actor       string
	State       RefundStatus `db:"status"`
	ProviderRef string       // the provider's own id of the refund; empty while nothing was heard of it
	FailureCode string
	Lines       []RefundLine
	// MadeAtProvider says that the shop did not ask for it: somebody made it at the provider.
	MadeAtProvider bool
	Attempts       int64
	CreatedAt      time.Time `db:",read"`
}

// RefundLine is the part of a refund that is for one order line.
type RefundLine struct {
	LineNo      int64 `json:"line_no"`
	Quantity    int64 `json:"quantity"`
	AmountMinor int64 `json:"amount_minor"`
}

// QueueRefunds adds the reading of an order's refunds, the oldest first, to a batch.
func QueueRefunds(b *database.Batch, order regions.Ref, into *[]Refund) {
	b.Queue(refundsQuery+`
WHERE r.region = $1 AND r.order_id = $2
ORDER BY r.created_at, r.id`, order.Region, order.ID).Query(database.Collect(into, database.Scan[Refund]))
}

// GetRefund returns a refund, or pgx.ErrNoRows. One round trip.
func GetRefund(ctx context.Context, db *database.DB, ref regions.Ref) (Refund, error) {
	return database.One(ctx, db, database.Scan[Refund], refundsQuery+`
WHERE r.region = $1 AND r.id = $2`, ref.Region, ref.ID)
}

var refundsQuery = `
SELECT ` + database.Select[Refund]("r") + `
FROM refunds r`

// QueueRefund promises money back: refunded_minor is raised, which its CHECK bounds by
// what was captured, and the refund waits for a worker to send it. No money is no refund.
func QueueRefund(b *database.Batch, r Refund) {
	if r.AmountMinor == 0 {
		return
	}
	queuePromise(b, r)
	r.State = RefundPending
	database.QueueInsert(b, "refunds", []Refund{r.withLines()})
}

// queuePromise raises what is promised back of the refund's payment.
func queuePromise(b *database.Batch, r Refund) {
	b.Queue(`
UPDATE payments SET refunded_minor = refunded_minor + $3, updated_at = now()
WHERE region = $1 AND id = $2`, r.Ref.Region, r.PaymentID, r.AmountMinor)
}

// withLines returns the refund with a list of lines, which the table wants also where there are none.
func (r Refund) withLines() Refund {
	if r.Lines == nil {
		r.Lines = []RefundLine{}
	}
	return r
}

// QueueReplacement adds the refund that takes a failed one's place, if that has failed, and reads
// it into the list, which stays empty otherwise. attempts are the ids that this call has given to
// the replacement, the last one now: the answer of an attempt that happened may have been lost.
func QueueReplacement(b *database.Batch, failed regions.Ref, attempts []uuid.UUID, actor string, into *[]Refund) {
	*into = nil
	again := attempts[len(attempts)-1]
	// $1 = region, $2 = failed refund, $3 = its replacement, $4 = actor
	b.Queue(`
INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor, lines)
SELECT region, $3::uuid, order_id, payment_id, amount_minor, currency, reason, $4::text, lines
FROM refunds
WHERE region = $1 AND id = $2 AND status = 'failed'`, failed.Region, failed.ID, again, actor)
	b.Queue(`
UPDATE payments p SET refunded_minor = p.refunded_minor + r.amount_minor, updated_at = now()
FROM refunds r
WHERE r.region = $1 AND r.id = $2 AND p.region = r.region AND p.id = r.payment_id`, failed.Region, again)
	b.Queue(`
UPDATE refunds SET status = 'replaced', updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'failed'`, failed.Region, failed.ID)
	b.Queue(refundsQuery+`
WHERE r.region = $1 AND r.id = ANY($2::uuid[])`, failed.Region, attempts).Query(database.Collect(into, database.Scan[Refund]))
}

// ReplacedSQL is a condition that holds, later in the batch, where QueueReplacement has written
// the refund @refund_id of the region @refund_region.
const ReplacedSQL = `EXISTS (SELECT 1 FROM refunds r WHERE r.region = @refund_region AND r.id = @refund_id)`

// QueueRefundIfTooLate promises everything back of those payments that were captured by these
// settlements although their orders are closed. closed is SQL that tells so of a payment p.
func QueueRefundIfTooLate(b *database.Batch, closed string, settlements ...Settlement) {
	args := database.Columns(settlements)
	late := database.Unnest[Settlement]("s") + `
JOIN payments p ON p.region = s.region::crdb_internal_region AND p.id = s.id AND p.transition_id = s.transition_id
WHERE p.status = 'captured' AND p.captured_minor > 0 AND ` + closed
	b.QueueArgs(`
INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor)
SELECT p.region, gen_random_uuid(), p.order_id, p.id, p.captured_minor, p.currency, 'paid_after_cancellation', 'system'
FROM `+late, args)
	b.QueueArgs(`
UPDATE payments SET refunded_minor = late.captured
FROM (SELECT p.region, p.id, p.captured_minor AS captured FROM `+late+`) AS late
WHERE payments.region = late.region AND payments.id = late.id`, args)
}

// TooLarge reports whether a batch failed because more would have been refunded than was
// captured.
func TooLarge(err error) bool { return database.Violates(err, "payments_refunded_within") }

// QueueRefundOutcome records what the provider said of a refund. One that failed, even after it succeeded, gives its claim
// on the captured money back, so that another may be tried, and event is written by the call that finds it so. A failure
// that is not the provider's word on the refund itself, and so has no ProviderRef, ends only a pending one.
func QueueRefundOutcome(b *database.Batch, refund regions.Ref, outcome RefundOutcome, event outbox.Event) error {
	switch outcome.Status {
	case RefundSucceeded:
		b.Queue(`
UPDATE refunds SET status = 'succeeded', provider_ref = $3, updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'pending'`, refund.Region, refund.ID, outcome.ProviderRef)
	case RefundFailed:
		// before the outcome, which closes the condition
		err := outbox.QueueWhere(b, event,
			`EXISTS (SELECT 1 FROM refunds WHERE region = @refund_region AND id = @refund_id
    AND (status = 'pending' OR status = 'succeeded' AND @provider_ref::text <> ''))`,
			database.Args{"refund_region": refund.Region, "refund_id": refund.ID, "provider_ref": outcome.ProviderRef})
		if err != nil {
			return err
		}
		b.Queue(`
WITH failed AS (
  UPDATE refunds SET status = 'failed', provider_ref = $3, failure_code = $4, updated_at = now()
  WHERE region = $1 AND id = $2 AND (status = 'pending' OR status = 'succeeded' AND $3::text <> '')
  RETURNING region, payment_id, amount_minor
)
UPDATE payments p SET refunded_minor = p.refunded_minor - failed.amount_minor, updated_at = now()
FROM failed
WHERE p.region = failed.region AND p.id = failed.payment_id`, refund.Region, refund.ID, outcome.ProviderRef, outcome.FailureCode)
		queueNominateFailed(b, refund)
	}
	return nil
}
