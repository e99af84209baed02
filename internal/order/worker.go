package order

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/regions"
)

// Workers finish what a pod left half done, whichever step of an order it died after. What
// is left is a row that says so, and that comes up by itself:
//
//	the pod died after …               what is left                     who finishes it
//	the order was placed               a payment nobody asked for       CheckPaymentsOnce starts it
//	the provider was asked             a payment of unknown outcome     its webhook, or CheckPaymentsOnce
//	the webhook was stored             an unprocessed notice            ProcessWebhooksOnce
//	nobody paid                        an order past expires_at         ExpireOnce
//	the order was cancelled            a payment open at its provider   CheckPaymentsOnce cancels it there
//	a refund was promised              a pending refund                 SendRefundsOnce
//	a refund was sent, unanswered      a pending refund                 its webhook, or SendRefundsOnce, by the same id
//	an event was posted, unmarked      an undelivered event             outbox.Courier, by the same id
//	a worker claimed any of these      a claim                          whoever looks when it has run out
//	the whole region died              all of these, overdue            TakeOverOnce, in another region
//
// Everything else is one transaction with what caused it. What no worker can finish is set
// aside for a person, with an event.

// batchSize bounds how much one pass of a worker claims.
const batchSize = 50

// CheckPaymentsOnce asks the providers about the region's payments whose outcome is overdue
// and acts on what they say: a worker's pass. It returns how many it looked at; the errors
// of single payments are joined, and those come up again by themselves.
func (o *Orders) CheckPaymentsOnce(ctx context.Context) (int, error) {
	return o.checkPayments(ctx, o.DB.Own())
}

// ExpireOnce cancels the region's orders that waited for their payment long enough: a
// worker's pass. The provider is asked first, for the payment may have succeeded unheard; if
// it does not answer, or does not know the payment, the order is cancelled all the same, its
// payment is left to CheckPaymentsOnce, and a success that comes later is refunded. It
// returns how many orders it looked at.
func (o *Orders) ExpireOnce(ctx context.Context) (int, error) {
	return o.expireOrders(ctx, o.DB.Own())
}

// ProcessWebhooksOnce acts on the region's webhooks that are still in the inbox: a worker's
// pass. It returns how many it took up.
func (o *Orders) ProcessWebhooksOnce(ctx context.Context) (int, error) {
	return o.processWebhooks(ctx, o.DB.Own())
}

// SendRefundsOnce sends the region's refunds that are due to their providers: a worker's
// pass. It returns how many it took up.
func (o *Orders) SendRefundsOnce(ctx context.Context) (int, error) {
	return o.sendRefunds(ctx, o.DB.Own())
}

// TakeOverOnce makes all four passes over what another region has left lying for a minute,
// since its workers are down, and returns how much it took up. Where the region's rows are
// out of reach, too, it fails within seconds.
func (o *Orders) TakeOverOnce(ctx context.Context, region string) (int, error) {
	total := 0
	var faults []error
	for _, pass := range []func(context.Context, database.Reach) (int, error){
		o.processWebhooks, o.checkPayments, o.expireOrders, o.sendRefunds,
	} {
		n, err := pass(ctx, database.LeftBy(region))
		total += n
		faults = append(faults, err)
		if n == 0 && err != nil {
			break // the other claims would only wait for the same rows
		}
	}
	return total, errors.Join(faults...)
}

// atOnce is how many of a pass's items are seen to at a time.
const atOnce = 8

// passTime bounds what a pass does with what it claimed. It is shorter than any claim lives,
// so that only the claims of a pass that died are taken over; a provider that hangs on all
// batchSize items, for 8 s each, is left alone when it is over.
const passTime = 25 * time.Second

// each does something for every item and joins what went wrong. One that fails, hangs or
// panics does not hold the others up; one that is not begun in time comes up again when its
// claim has run out.
func each[T any](ctx context.Context, items []T, do func(ctx context.Context, item T) error) error {
	pass, cancel := context.WithTimeout(ctx, passTime)
	defer cancel()
	faults := make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, item := range items {
		group.Go(func() error {
			if pass.Err() == nil {
				faults[i] = survive(func() error { return do(pass, item) })
			}
			return nil
		})
	}
	_ = group.Wait() // always nil
	return errors.Join(faults...)
}

// survive makes a panic an error like any other.
func survive(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return do()
}

func (o *Orders) checkPayments(ctx context.Context, of database.Reach) (int, error) {
	due, err := payment.ClaimDue(ctx, o.DB, of, o.Now(), batchSize)
	faults := each(ctx, due, func(ctx context.Context, d payment.Due) error {
		if err := o.check(ctx, d); err != nil {
			return fmt.Errorf("check payment %s: %w", o.PaymentID(d.Ref), err)
		}
		return nil
	})
	return len(due), errors.Join(err, faults)
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
	if !due.OrderOpen {
		return o.giveUp(ctx, asking, provider, due)
	}
	outcome, err := provider.Find(asking, o.asked(due.Payment))
	if errors.Is(err, payment.ErrUnknownPayment) {
		return o.startAgain(ctx, due.Ref)
	}
	if err == nil {
		outcome, err = o.take(asking, provider, o.asked(due.Payment), outcome)
	}
	if err != nil || outcome.Status == payment.StatusProcessing {
		return err
	}
	return o.conclude(ctx, due.Ref, outcome)
}

// asked is a payment as its provider is asked about it.
func (o *Orders) asked(p payment.Payment) payment.Asked {
	return payment.Asked{
		PaymentID: o.PaymentID(p.Ref), OrderID: o.PublicID(p.Ref), ProviderRef: p.ProviderRef,
		Amount: money.New(p.AmountMinor, p.Currency), PlacedAt: p.CreatedAt,
	}
}

// conclude acts on what a provider said of a payment. A success of another amount than was
// asked for is nothing that asking again will mend: it is set aside.
func (o *Orders) conclude(ctx context.Context, ref regions.Ref, outcome payment.Outcome) error {
	err := o.Settle(ctx, ref, outcome)
	if isMismatch(err) {
		return o.setAside(ctx, ref, outcome, nil)
	}
	return err
}

func isMismatch(err error) bool {
	var mismatch *AmountMismatchError
	return errors.As(err, &mismatch)
}

// setAside leaves a payment of which another amount was taken than was asked for to a
// person, who is told once, by the event payment.mismatch. The notice it came by, if any, is
// done with.
func (o *Orders) setAside(ctx context.Context, ref regions.Ref, outcome payment.Outcome, notice *payment.Notice) error {
	outcome = outcome.Storable()
	event := outbox.Event{
		Region: ref.Region, Topic: "payment.mismatch", Key: o.PaymentID(ref),
		Payload: map[string]any{
			"payment": o.PaymentID(ref), "order": o.PublicID(ref),
			"captured_minor": outcome.CapturedMinor, "currency": outcome.Amount.Currency,
		},
	}
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		provider := ""
		if notice != nil {
			provider = notice.Provider
			payment.QueueNoticeDone(b, *notice, "not what was asked for: left to a person")
		}
		payment.QueueSetAside(b, ref, provider, outcome)
		return outbox.QueueWhere(b, event, payment.SetAsideHere, ref.Region, ref.ID)
	})
	if err != nil {
		return fmt.Errorf("set payment aside: %w", err)
	}
	return nil
}

// startAgain asks for the money of an order that still waits for it. One that was closed
// since it was claimed is left to the next look, which gives its payment up.
func (o *Orders) startAgain(ctx context.Context, ref regions.Ref) error {
	order, err := o.Get(ctx, ref)
	if err != nil || order.Status != PendingPayment {
		return err
	}
	outcome, err := o.StartPayment(ctx, order, "")
	if isMismatch(err) {
		return o.setAside(ctx, ref, outcome, nil)
	}
	return err
}

// startLife is for how long after its order was closed a payment that the provider does not
// know may yet reach it: longer than any ProviderTimeout, the network and clocks that differ.
const startLife = time.Minute

// giveUp cancels a payment at its provider and records what became of it.
func (o *Orders) giveUp(ctx, asking context.Context, provider payment.Provider, due payment.Due) error {
	outcome, err := provider.Cancel(asking, o.asked(due.Payment))
	switch {
	case errors.Is(err, payment.ErrUnknownPayment) && o.Now().Before(due.OrderChangedAt.Add(startLife)):
		return nil // the call that starts it may be on its way: the next look tells
	case errors.Is(err, payment.ErrUnknownPayment):
		outcome = payment.Outcome{Status: payment.StatusCancelled}
	case err != nil:
		return err
	}
	if outcome.Status.Final() {
		return o.conclude(ctx, due.Ref, outcome)
	}
	return nil
}

func (o *Orders) expireOrders(ctx context.Context, of database.Reach) (int, error) {
	now := o.Now()
	due, err := o.claimExpired(ctx, of, now)
	faults := each(ctx, due, func(ctx context.Context, unpaid payment.Payment) error {
		if err := o.expire(ctx, unpaid, now); err != nil {
			return fmt.Errorf("expire order %s: %w", o.PublicID(unpaid.Ref), err)
		}
		return nil
	})
	return len(due), errors.Join(err, faults)
}

// expiryClaim is how long an order to be given up is left alone once a worker has it: longer
// than giving it up takes.
const expiryClaim = time.Minute

// claimExpired claims orders that waited long enough and returns their payments. The next try is later each time, up to
// ten minutes.
func (o *Orders) claimExpired(ctx context.Context, of database.Reach, now time.Time) ([]payment.Payment, error) {
	// $1 = region, $2 = seconds overdue, $3 = now, $4 = limit, $5 = seconds of the claim
	due, err := database.Claim(ctx, o.DB, of, payment.Scan, `
WITH due AS (
  SELECT region, id
  FROM orders
  WHERE region = $1 AND status = 'pending_payment'
    AND expires_at <= $3::timestamptz - $2::int8 * INTERVAL '1 second'
    AND (next_expiry_at IS NULL OR next_expiry_at <= $3::timestamptz - $2::int8 * INTERVAL '1 second')
  ORDER BY expires_at
  LIMIT $4::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE orders o SET expiry_attempts = o.expiry_attempts + 1,
  next_expiry_at = $3::timestamptz + least($5::int8 * (o.expiry_attempts + 1), 600) * INTERVAL '1 second'
FROM due, payments p
WHERE o.region = due.region AND o.id = due.id AND p.region = o.region AND p.id = o.id
RETURNING `+payment.Columns, now, batchSize, int64(expiryClaim/time.Second))
	if err != nil {
		return nil, fmt.Errorf("claim expired orders: %w", err)
	}
	return due, nil
}

func (o *Orders) expire(ctx context.Context, unpaid payment.Payment, now time.Time) error {
	outcome := payment.Outcome{Status: payment.StatusProcessing}
	if provider, ok := o.Providers[unpaid.Provider]; ok {
		asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
		if answer, err := provider.Cancel(asking, o.asked(unpaid)); err == nil {
			outcome = answer.Storable()
		}
		cancel()
	}
	if outcome.Status == payment.StatusSucceeded {
		if err := o.Settle(ctx, unpaid.Ref, outcome); !isMismatch(err) {
			return err
		}
		if err := o.setAside(ctx, unpaid.Ref, outcome, nil); err != nil {
			return err
		}
		outcome.Status = payment.StatusProcessing // for a person to look at: the goods do not wait for that
	}
	var after payment.Standing
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		t := transition{
			step: stepCancel, order: unpaid.Ref, id: uuid.New(), cancelReason: "expired", actor: "system",
			when: ` AND o.expires_at <= $7`, args: []any{now},
		}
		said := payment.Settlement{Payment: unpaid.Ref, Transition: t.id, Outcome: outcome}
		queueLock(b, t.from, t)
		payment.QueueOutcomes(b, said)
		if err := o.queue(b, t); err != nil {
			return err
		}
		payment.QueueCheckNow(b, unpaid.Ref, t.id)
		payment.QueueStandings(b, []payment.Settlement{said}, []*payment.Standing{&after})
		return nil
	})
	if err == nil && after.OrderMoved {
		o.Metrics.recordSettled(ctx, after.PlacedAt, now, "expired")
	}
	return err
}

func (o *Orders) processWebhooks(ctx context.Context, of database.Reach) (int, error) {
	notices, err := o.inbox.ClaimNotices(ctx, of, batchSize)
	faults := each(ctx, notices, func(ctx context.Context, notice payment.Notice) error {
		if err := o.retry(ctx, notice); err != nil {
			return fmt.Errorf("webhook %s of %s: %w", notice.Event.ID, notice.Provider, err)
		}
		return nil
	})
	return len(notices), errors.Join(err, faults)
}

// giveUpNotice is after how many tries a notice about a payment nobody knows is dismissed.
// The waits between them, which grow by 30 s each, make that 15 hours; a webhook that is
// early is so by seconds.
const giveUpNotice = 60

func (o *Orders) retry(ctx context.Context, notice payment.Notice) error {
	err := o.handle(ctx, notice)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, payment.ErrUnknownPayment) && notice.Attempts >= giveUpNotice:
		return o.dismiss(ctx, notice, "unknown payment")
	case isMismatch(err):
		return o.setAsideNotice(ctx, notice)
	}
	return errors.Join(err, o.inbox.Postpone(ctx, notice, err.Error()))
}

func (o *Orders) setAsideNotice(ctx context.Context, notice payment.Notice) error {
	ref, err := o.Regions.ParseID(regions.PaymentPrefix, notice.Event.PaymentID)
	if err != nil {
		return err
	}
	return o.setAside(ctx, ref, notice.Event.Outcome, &notice)
}

func (o *Orders) sendRefunds(ctx context.Context, of database.Reach) (int, error) {
	due, err := payment.ClaimRefunds(ctx, o.DB, of, batchSize)
	faults := each(ctx, due, func(ctx context.Context, d payment.DueRefund) error {
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
		PaymentID: o.PaymentID(regions.Ref{Region: due.Ref.Region, ID: due.PaymentID}), PaymentRef: due.PaymentRef,
		Amount: money.New(due.AmountMinor, due.Currency),
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
