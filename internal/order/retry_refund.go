package order

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/payment"
	"meridian/regions"
)

// RetryRefundInput is the wish to try a failed refund again.
type RetryRefundInput struct {
	Refund regions.Ref
	// Actor is the public id of who asks.
	Actor string
	// Idempotency names the call; its zero value is allowed: a repetition then finds the
	// refund replaced already and is refused.
	Idempotency idempotency.Key
}

// RetryRefund promises the money of a refund that failed once more, as a new refund in its
// place, which it returns: one round trip.
//
// Errors: ErrRefundNotFound, *RefundTooLargeError if the money went another way meanwhile,
// *idempotency.Replay.
func (o *Orders) RetryRefund(ctx context.Context, in RetryRefundInput) (payment.Refund, error) {
	var retried []payment.Refund
	var ids []uuid.UUID // of every attempt: the answer of one that happened may have been lost
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		retried = nil
		again := regions.Ref{Region: in.Refund.Region, ID: uuid.New()}
		ids = append(ids, again.ID)
		queueReplacement(b, in, again)
		in.Idempotency.QueueClaimWhere(b, idempotency.Answer{Resource: o.Regions.FormatID(regions.RefundPrefix, again), Status: http.StatusOK},
			`EXISTS (SELECT 1 FROM refunds r WHERE r.region = $8 AND r.id = $9)`, again.Region, again.ID)
		b.Queue(refundsQuery, again.Region, ids).Query(database.Collect(&retried, payment.ScanRefund))
		return nil
	})
	switch {
	case idempotency.Taken(err):
		return payment.Refund{}, idempotency.Find(ctx, o.DB, in.Idempotency)
	case payment.TooLarge(err):
		return payment.Refund{}, &RefundTooLargeError{Field: "amount_minor"}
	case err != nil:
		return payment.Refund{}, fmt.Errorf("retry refund: %w", err)
	case len(retried) == 1:
		return retried[0], nil
	}
	if in.Idempotency.Key != "" {
		if earlier := idempotency.Find(ctx, o.DB, in.Idempotency); !errors.Is(earlier, idempotency.ErrUnknown) {
			return payment.Refund{}, earlier
		}
	}
	return payment.Refund{}, ErrRefundNotFound
}

// queueReplacement adds the refund that takes a failed one's place, if that has failed.
func queueReplacement(b *database.Batch, in RetryRefundInput, again regions.Ref) {
	// $1 = region, $2 = failed refund, $3 = its replacement, $4 = actor
	b.Queue(`
INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor, lines)
SELECT region, $3::uuid, order_id, payment_id, amount_minor, currency, reason, $4::text, lines
FROM refunds
WHERE region = $1 AND id = $2 AND status = 'failed'`, in.Refund.Region, in.Refund.ID, again.ID, in.Actor)
	b.Queue(`
UPDATE payments p SET refunded_minor = p.refunded_minor + r.amount_minor, updated_at = now()
FROM refunds r
WHERE r.region = $1 AND r.id = $2 AND p.region = r.region AND p.id = r.payment_id`, again.Region, again.ID)
	b.Queue(`
UPDATE refunds SET status = 'replaced', updated_at = now()
WHERE region = $1 AND id = $2 AND status = 'failed'`, in.Refund.Region, in.Refund.ID)
}

const refundsQuery = `
SELECT ` + payment.RefundColumns + `
FROM refunds r
WHERE r.region = $1 AND r.id = ANY($2::uuid[])`

// GetRefund returns a refund, or ErrRefundNotFound. One round trip.
func (o *Orders) GetRefund(ctx context.Context, ref regions.Ref) (payment.Refund, error) {
	refund, err := database.One(ctx, o.DB, payment.ScanRefund, refundsQuery, ref.Region, []uuid.UUID{ref.ID})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return payment.Refund{}, ErrRefundNotFound
	case err != nil:
		return payment.Refund{}, fmt.Errorf("get refund: %w", err)
	}
	return refund, nil
}
