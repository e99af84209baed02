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

// each does something for every item that was claimed, and returns how many there are and what
// went wrong, the claim's error included. name tells an item in errors. One that fails, hangs or
// panics does not hold the others up; one that is not begun in time comes up again when its
// claim has run out.
func each[T any](ctx context.Context, items []T, claimErr error, name func(T) string, do func(ctx context.Context, item T) error) (int,
	error) {
	pass, cancel := context.WithTimeout(ctx, passTime)
	defer cancel()
	faults := make([]error, len(items), len(items)+1)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, item := range items {
		group.Go(func() error {
			if pass.Err() != nil {
				return nil
			}
			if err := survive(func() error { return do(pass, item) }); err != nil {
				faults[i] = fmt.Errorf("%s: %w", name(item), err)
			}
			return nil
		})
	}
	_ = group.Wait() // always nil
	return len(items), errors.Join(append(faults, claimErr)...)
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
	due, err := payment.ClaimDue(ctx, o.DB, of, paymentsOrders, o.Now(), batchSize)
	return each(ctx, due, err, func(d payment.Due) string { return "check payment " + o.PaymentID(d.Ref) }, o.check)
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

// asked returns a payment as its provider is asked about it.
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

// isMismatch reports whether another amount was captured than was asked for.
func isMismatch(err error) bool {
	return errors.As(err, new(*AmountMismatchError))
}

// setAside leaves a payment of which another amount was taken than was asked for to a
// person, who is told once, by the event payment.mismatch. The notice it came by, if any, is
// done with.
func (o *Orders) setAside(ctx context.Context, ref regions.Ref, outcome payment.Outcome, notice *payment.Notice) error {
	outcome = outcome.Storable()
	event := outbox.Event{
		Region: ref.Region, Topic: "payment.mismatch", Key: o.PaymentID(ref),
		Payload: map[string]any{
			"payment_id": o.PaymentID(ref), "order_id": o.PublicID(ref),
			"captured_minor": outcome.CapturedMinor, "currency": outcome.Amount.Currency,
		},
	}
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		provider := ""
		if notice != nil {
			provider = notice.Provider
			payment.QueueNoticeDone(b, *notice, "not what was asked for: left to a person")
		}
		return payment.QueueSetAside(b, ref, provider, outcome, event)
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
	claims := expiredOrders
	claims.Now = now
	due, err := database.Claim(ctx, o.DB, of, claims, database.Scan[payment.Payment], batchSize)
	if err != nil {
		err = fmt.Errorf("claim expired orders: %w", err)
	}
	return each(ctx, due, err, func(p payment.Payment) string { return "expire order " + o.PublicID(p.Ref) },
		func(ctx context.Context, unpaid payment.Payment) error { return o.expire(ctx, unpaid, now) })
}

// expiryClaim is how long an order to be given up is left alone once a worker has it: longer
// than giving it up takes. The next try is later each time, up to ten minutes.
const expiryClaim = time.Minute

var expiredOrders = database.Claims{
	Table: "orders", Key: []string{"id"},
	Where: "status = 'pending_payment' AND (next_expiry_at IS NULL OR next_expiry_at <= @now)", Due: "expires_at",
	Next: "next_expiry_at", Attempts: "expiry_attempts",
	Wait: database.Backoff("t.expiry_attempts", expiryClaim, 10*time.Minute),
	Join: payment.PaymentsSQL + " p", On: "p.region = t.region AND p.id = t.id",
	Returning: database.Select[payment.Payment]("p"),
}

// paymentsOrders tells payments of their orders.
const paymentsOrders payment.Orders = `(SELECT region, id, status = 'pending_payment' AS open, updated_at AS changed_at FROM orders)`

// expire gives an unpaid order up, unless its provider has the money.
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
	said := newSettlement(unpaid.Ref, outcome)
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		t := o.transition(unpaid.Ref, uuid.New(), "system")
		t.step, t.CancelReason = stepCancel, "expired"
		said.Transition = t.TransitionID
		queueLock(b, t.step.from, t)
		payment.QueueOutcomes(b, said.Settlement)
		err := o.queue(b, database.Query{SQL: `o.expires_at <= @now`, Args: database.Args{"now": now}}, t)
		if err != nil {
			return err
		}
		happened := t.happened()
		payment.QueueCheckNow(b, unpaid.Ref, happened.SQL, happened.Args)
		queueSettled(b, []*settlement{said})
		return nil
	})
	if err == nil && said.orderMoved {
		o.Metrics.recordSettled(ctx, said.placedAt, now, "expired")
	}
	return err
}

func (o *Orders) processWebhooks(ctx context.Context, of database.Reach) (int, error) {
	notices, err := o.inbox.ClaimNotices(ctx, of, batchSize)
	return each(ctx, notices, err, func(n payment.Notice) string { return "webhook " + n.Event.ID + " of " + n.Provider }, o.retry)
}

// giveUpNotice is after how many tries a notice about a payment nobody knows is dismissed.
// The waits between them, which grow by 30 s each, make that 15 hours; a webhook that is
// early is so by seconds.
const giveUpNotice = 60

// retry handles a notice that a worker claimed.
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
	return each(ctx, due, err, func(d payment.DueRefund) string {
		return "send refund " + o.Regions.FormatID(regions.RefundPrefix, d.Ref)
	},
		o.sendRefund)
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
	if code, failed := refundFailure(err); failed {
		outcome, err = payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: code}, nil
	}
	if err != nil {
		return err
	}
	return o.settleRefund(ctx, due.Ref, outcome, nil)
}

// refundFailure returns the code under which a refund has failed for good; false where it is worth
// sending again, or was sent.
func refundFailure(err error) (code string, failed bool) {
	var rejected *payment.RejectedError
	switch {
	case errors.As(err, &rejected):
		return rejected.Code, true
	case errors.Is(err, payment.ErrRefundTooLarge):
		return "refund_too_large", true
	case errors.Is(err, payment.ErrUnknownPayment):
		return "unknown_payment", true
	case errors.Is(err, payment.ErrConflict):
		return "conflict", true
	}
	return "", false
}
