package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/regions"
)

// batchSize bounds how much one pass of a worker claims.
const batchSize = 50

// CheckPaymentsOnce asks the providers about payments whose outcome is overdue and acts on
// what they say: a worker's pass. It returns how many it looked at; the errors of single
// payments are joined, and those come up again by themselves.
func (o *Orders) CheckPaymentsOnce(ctx context.Context) (int, error) {
	due, err := payment.ClaimDue(ctx, o.DB, o.Now(), batchSize)
	faults := each(due, func(d payment.Due) error {
		if err := o.check(ctx, d); err != nil {
			return fmt.Errorf("check payment %s: %w", o.PaymentID(d.Ref), err)
		}
		return nil
	})
	return len(due), errors.Join(err, faults)
}

// atOnce is how many of a pass's items are seen to at a time: a provider that hangs on all
// batchSize of them holds a pass up for 7 × 8 s, which is less than a claim lives.
const atOnce = 8

// each does something for every item and joins what went wrong.
func each[T any](items []T, do func(T) error) error {
	faults := make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, item := range items {
		group.Go(func() error {
			faults[i] = do(item)
			return nil // one that fails does not hold the others up
		})
	}
	_ = group.Wait() // always nil
	return errors.Join(faults...)
}

// check finds out what became of one payment. That of an order which no longer waits is
// cancelled at the provider; one that the provider never heard of is started again.
func (o *Orders) check(ctx context.Context, due payment.Due) error {
	provider, ok := o.Providers[due.Provider]
	if !ok {
		return ErrUnknownProvider
	}
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	id := o.PaymentID(due.Ref)
	if !due.OrderOpen {
		return o.giveUp(ctx, asking, provider, due)
	}
	outcome, err := provider.Find(asking, id)
	if errors.Is(err, payment.ErrUnknownPayment) {
		return o.startAgain(ctx, due.Ref)
	}
	if err != nil || outcome.Status == payment.StatusProcessing {
		return err
	}
	return o.Settle(ctx, due.Ref, outcome)
}

// startAgain asks for the money of an order that still waits for it. One that was closed
// since it was claimed is left to the next look, which gives its payment up.
func (o *Orders) startAgain(ctx context.Context, ref regions.Ref) error {
	order, err := o.Get(ctx, ref)
	if err != nil || order.Status != PendingPayment {
		return err
	}
	_, err = o.StartPayment(ctx, order, "")
	return err
}

// startLife is for how long after its order was closed a payment that the provider does not
// know may yet reach it: longer than any ProviderTimeout, the network and clocks that differ.
const startLife = time.Minute

// giveUp cancels a payment at its provider and records what became of it.
func (o *Orders) giveUp(ctx, asking context.Context, provider payment.Provider, due payment.Due) error {
	outcome, err := provider.Cancel(asking, o.PaymentID(due.Ref))
	switch {
	case errors.Is(err, payment.ErrUnknownPayment) && o.Now().Before(due.OrderChangedAt.Add(startLife)):
		return nil // the call that starts it may be on its way: the next look tells
	case errors.Is(err, payment.ErrUnknownPayment):
		outcome = payment.Outcome{Status: payment.StatusCancelled}
	case err != nil:
		return err
	}
	if outcome.Status.Final() {
		return o.Settle(ctx, due.Ref, outcome)
	}
	return nil
}

// ExpireOnce cancels orders that waited for their payment long enough: a worker's pass.
// The provider is asked first, for the payment may have succeeded unheard; if it does not
// answer, or does not know the payment, the order is cancelled all the same, its payment is
// left to CheckPaymentsOnce, and a success that comes later is refunded. It returns how many
// orders it looked at.
func (o *Orders) ExpireOnce(ctx context.Context) (int, error) {
	now := o.Now()
	due, err := o.expired(ctx, now)
	faults := each(due, func(order expiredOrder) error {
		if err := o.expire(ctx, order, now); err != nil {
			return fmt.Errorf("expire order %s: %w", o.PublicID(order.ref), err)
		}
		return nil
	})
	return len(due), errors.Join(err, faults)
}

type expiredOrder struct {
	ref      regions.Ref
	provider string
}

// expired lists orders that are due: of the process's own region, or of any when nobody
// cancelled them for a minute.
func (o *Orders) expired(ctx context.Context, now time.Time) ([]expiredOrder, error) {
	// $1 = own region, $2 = now, $3 = a minute ago, $4 = limit
	due, err := database.List(ctx, o.DB, func(row pgx.CollectableRow) (expiredOrder, error) {
		var e expiredOrder
		err := row.Scan(&e.ref.Region, &e.ref.ID, &e.provider)
		return e, err
	}, `
SELECT o.region, o.id, p.provider
FROM orders o
JOIN payments p ON p.region = o.region AND p.id = o.id
WHERE o.status = 'pending_payment' AND (o.region = $1 AND o.expires_at <= $2 OR o.expires_at <= $3)
ORDER BY o.expires_at
LIMIT $4::int8`, o.DB.Region(), now, now.Add(-time.Minute), batchSize)
	if err != nil {
		return nil, fmt.Errorf("list expired orders: %w", err)
	}
	return due, nil
}

func (o *Orders) expire(ctx context.Context, order expiredOrder, now time.Time) error {
	outcome := payment.Outcome{Status: payment.StatusProcessing}
	if provider, ok := o.Providers[order.provider]; ok {
		asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
		if answer, err := provider.Cancel(asking, o.PaymentID(order.ref)); err == nil {
			outcome = answer
		}
		cancel()
	}
	var wrong error
	if outcome.Status == payment.StatusSucceeded {
		var mismatch *AmountMismatchError
		if wrong = o.Settle(ctx, order.ref, outcome); !errors.As(wrong, &mismatch) {
			return wrong
		}
		outcome.Status = payment.StatusProcessing // for a person to look at: the goods do not wait for that
	}
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		t := transition{
			step: stepCancel, order: order.ref, id: uuid.New(), cancelReason: "expired", actor: "system",
			when: ` AND expires_at <= $7`, args: []any{now},
		}
		payment.QueueOutcome(b, order.ref, t.id, outcome)
		if err := o.queue(b, t); err != nil {
			return err
		}
		payment.QueueCheckNow(b, order.ref, t.id)
		return nil
	})
	return errors.Join(wrong, err)
}

// ProcessWebhooksOnce acts on webhooks that are still in the inbox: a worker's pass. It
// returns how many it took up.
func (o *Orders) ProcessWebhooksOnce(ctx context.Context) (int, error) {
	notices, err := o.inbox.ClaimNotices(ctx, batchSize)
	faults := each(notices, func(notice payment.Notice) error {
		if err := o.retry(ctx, notice); err != nil {
			return fmt.Errorf("webhook %s of %s: %w", notice.Event.ID, notice.Provider, err)
		}
		return nil
	})
	return len(notices), errors.Join(err, faults)
}

// giveUpNotice is after how many attempts, spread over days, a notice about a payment
// nobody knows is dismissed.
const giveUpNotice = 60

func (o *Orders) retry(ctx context.Context, notice payment.Notice) error {
	err := o.handle(ctx, notice)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, payment.ErrUnknownPayment) && notice.Attempts >= giveUpNotice:
		return o.dismiss(ctx, notice, "unknown payment")
	}
	return errors.Join(err, o.inbox.Postpone(ctx, notice, err.Error()))
}

// SendRefundsOnce sends refunds that are due to their providers: a worker's pass. It
// returns how many it took up.
func (o *Orders) SendRefundsOnce(ctx context.Context) (int, error) {
	due, err := payment.ClaimRefunds(ctx, o.DB, batchSize)
	faults := each(due, func(d payment.DueRefund) error {
		if err := o.sendRefund(ctx, d); err != nil {
			return fmt.Errorf("send refund %s: %w", o.Regions.FormatID(regions.RefundPrefix, d.Ref), err)
		}
		return nil
	})
	return len(due), errors.Join(err, faults)
}

func (o *Orders) sendRefund(ctx context.Context, due payment.DueRefund) error {
	provider, ok := o.Providers[due.Provider]
	if !ok {
		return ErrUnknownProvider
	}
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	outcome, err := provider.Refund(asking, payment.RefundInput{
		RefundID:  o.Regions.FormatID(regions.RefundPrefix, due.Ref),
		PaymentID: o.PaymentID(regions.Ref{Region: due.Ref.Region, ID: due.PaymentID}),
		Amount:    money.New(due.AmountMinor, due.Currency),
	})
	var rejected *payment.RejectedError
	switch {
	case errors.As(err, &rejected):
		outcome = payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: rejected.Code}
	case errors.Is(err, payment.ErrRefundTooLarge):
		outcome = payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "refund_too_large"}
	case errors.Is(err, payment.ErrUnknownPayment):
		outcome = payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "unknown_payment"}
	case errors.Is(err, payment.ErrConflict):
		outcome = payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "conflict"}
	case err != nil:
		return err
	}
	return o.settleRefund(ctx, due.Ref, outcome, nil)
}
