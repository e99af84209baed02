package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/regions"
)

// ErrOthersPayment is returned for what a provider said of a payment that is another
// provider's. It changes nothing.
var ErrOthersPayment = errors.New("the payment is another provider's")

// AmountMismatchError is returned for a success of another amount than was asked for. It
// is not recorded: a person has to look.
type AmountMismatchError struct {
	PaymentID     string
	CapturedMinor int64
}

func (e *AmountMismatchError) Error() string {
	return fmt.Sprintf("payment %s: %d minor units were captured, which is not what was asked for", e.PaymentID, e.CapturedMinor)
}

// StartPayment asks the provider for an order's money, and moves the order on if the
// answer is final. An order that costs nothing is paid without asking anybody. If the provider does not answer sensibly the outcome is
// payment.StatusProcessing: a worker asks again. It may be repeated.
func (o *Orders) StartPayment(ctx context.Context, order Order, returnURL string) (payment.Outcome, error) {
	provider, ok := o.Providers[order.Payment.Provider]
	if !ok {
		return payment.Outcome{}, ErrUnknownProvider
	}
	if order.TotalMinor == 0 { // there is nothing to ask for: it is paid
		outcome := payment.Outcome{Status: payment.StatusSucceeded, Amount: order.amount(0)}
		return outcome, o.Settle(ctx, order.Ref, outcome)
	}
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	outcome, err := provider.Start(asking, o.startInput(order, returnURL))
	if errors.Is(err, payment.ErrConflict) { // a worker was quicker, and knew no return URL: its payment counts
		outcome, err = provider.Find(asking, o.asked(order.Payment))
	}
	if err == nil {
		outcome, err = o.take(asking, provider, o.asked(order.Payment), outcome)
	}
	var rejected *payment.RejectedError
	switch {
	case errors.As(err, &rejected):
		outcome = payment.Outcome{Status: payment.StatusFailed, FailureCode: rejected.Code}
	case err != nil:
		return payment.Outcome{Status: payment.StatusProcessing}, nil //nolint:nilerr // the worker finds out
	}
	if outcome.Status == payment.StatusProcessing {
		return outcome, nil
	}
	return outcome, o.Settle(ctx, order.Ref, outcome)
}

// startInput tells the provider the very lines the order holds.
func (o *Orders) startInput(order Order, returnURL string) payment.StartInput {
	in := payment.StartInput{
		PaymentID: o.PaymentID(order.Ref), OrderID: o.PublicID(order.Ref), Method: order.Payment.Method, ReturnURL: returnURL,
		Amount: order.amount(order.TotalMinor), PlacedAt: order.PlacedAt,
	}
	for _, line := range order.Lines {
		in.Lines = append(in.Lines, payment.Line{SKU: line.SKU, Title: line.Title, Quantity: line.Quantity, Total: order.amount(line.SubtotalMinor - line.DiscountMinor)})
	}
	if order.ShippingMinor > 0 {
		in.Lines = append(in.Lines, payment.Line{SKU: "shipping", Title: "Shipping", Quantity: 1, Total: order.amount(order.ShippingMinor)})
	}
	if !order.PricesIncludeTax && order.TaxMinor > 0 {
		in.Lines = append(in.Lines, payment.Line{SKU: "tax", Title: "Tax", Quantity: 1, Total: order.amount(order.TaxMinor)})
	}
	return in
}

// Settle acts on what a provider, the payment's own, said of an order's payment: one batch,
// one round trip, safe in any order and number. payment.ErrUnknownPayment is returned if
// there is no such payment (yet), *AmountMismatchError for a success of another amount.
func (o *Orders) Settle(ctx context.Context, ref regions.Ref, outcome payment.Outcome) error {
	return o.settle(ctx, &settling{payment: ref, outcome: outcome})
}

// ReceiveWebhook takes a verified event of a provider. What it says of a payment is written
// to the inbox and acted on in one round trip; anything else, or what cannot be acted on
// now, waits in the inbox. A nil error means that it is safe to acknowledge: the inbox has
// it.
func (o *Orders) ReceiveWebhook(ctx context.Context, provider string, event payment.Event) error {
	notice, err := o.inbox.Notice(provider, event)
	if err != nil {
		return err
	}
	if s, ok := o.settlingOf(notice); ok {
		settling, cancel := context.WithTimeout(ctx, settleWithin)
		err := o.settle(settling, s)
		cancel()
		if s.written(err) {
			o.Metrics.recordNotice(ctx, provider, err)
			return nil
		}
		_, _, err = o.inbox.Receive(ctx, provider, event)
		return err // a worker acts on it
	}
	notice, todo, err := o.inbox.Receive(ctx, provider, event)
	if err != nil || !todo {
		return err
	}
	_ = o.handle(ctx, notice) // a worker takes it up again
	return nil
}

// settleWithin is how long a webhook waits for its payment to be settled before it is only
// written to the inbox: less than its sender waits for the answer.
const settleWithin = 4 * time.Second

// settling is the settling of a payment on its way.
type settling struct {
	payment regions.Ref
	outcome payment.Outcome
	// notice, if not nil, is the webhook that said so: it is written to the inbox with the
	// effect.
	notice *payment.Notice

	found payment.Standing // the payment afterwards
	err   error
}

// settlingOf is what a notice of a payment asks for; false for any other notice.
func (o *Orders) settlingOf(notice payment.Notice) (*settling, bool) {
	switch notice.Event.Type {
	case payment.EventPaymentSucceeded, payment.EventPaymentFailed, payment.EventPaymentCancelled, payment.EventPaymentRequiresAction:
	default:
		return nil, false
	}
	ref, err := o.Regions.ParseID(regions.PaymentPrefix, notice.Event.PaymentID)
	return &settling{payment: ref, outcome: notice.Event.Outcome, notice: &notice}, err == nil
}

// written reports whether the batch of the settlement was written: it was also where the
// settlement could not be acted on.
func (s *settling) written(err error) bool {
	return err == nil || errors.Is(err, payment.ErrUnknownPayment) || errors.As(err, new(*AmountMismatchError)) || errors.Is(err, ErrOthersPayment)
}

func (o *Orders) settle(ctx context.Context, s *settling) error {
	if err := o.shared.Do(ctx, s.payment.Region, &work{settle: s}); err != nil {
		return fmt.Errorf("settle payment: %w", err)
	}
	if s.err != nil {
		return fmt.Errorf("settle payment: %w", s.err)
	}
	o.record(ctx, s)
	switch {
	case s.found.State == "":
		return payment.ErrUnknownPayment
	case s.notice != nil && s.notice.Provider != s.found.Provider:
		return ErrOthersPayment
	case s.outcome.Status == payment.StatusSucceeded && s.found.State != payment.Captured:
		return &AmountMismatchError{PaymentID: o.PaymentID(s.payment), CapturedMinor: s.outcome.CapturedMinor}
	}
	return nil
}

// record counts what became of a settlement.
func (o *Orders) record(ctx context.Context, s *settling) {
	if s.found.State == "" {
		return
	}
	o.Metrics.recordPayment(ctx, s.found.Provider, s.outcome.Status)
	if !s.found.OrderMoved {
		return
	}
	reason := ""
	if s.outcome.Status != payment.StatusSucceeded {
		reason = "payment_failed"
	}
	o.Metrics.recordSettled(ctx, s.found.PlacedAt, o.Now(), reason)
}

// settleTogether settles payments in one transaction; where that is refused, by halves.
func (o *Orders) settleTogether(ctx context.Context, calls []*settling) {
	for len(calls) > 0 {
		var now []*settling
		now, calls = onePerPayment(calls)
		err := o.writeSettlements(ctx, now)
		if err != nil && len(now) > 1 && database.Divisible(err) {
			database.Divide(ctx, o.shared.Again, now, o.settleTogether)
			continue
		}
		for _, s := range now {
			s.err = err
		}
	}
}

// onePerPayment puts off what else is said of a payment that the calls settle.
func onePerPayment(calls []*settling) (now, later []*settling) {
	payments := make(map[regions.Ref]bool)
	for _, s := range calls {
		if payments[s.payment] {
			later = append(later, s)
			continue
		}
		payments[s.payment] = true
		now = append(now, s)
	}
	return now, later
}

func (o *Orders) writeSettlements(ctx context.Context, calls []*settling) error {
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		w := settledRowsOf(calls)
		queueLock(b, stepPay.from, append(slices.Clone(w.paid), w.cancelled...)...)
		payment.QueueReceive(b, w.notices...)
		if err := o.queueOutcomes(b, w); err != nil {
			return err
		}
		if w.notices != nil {
			payment.QueuePaymentNoticesDone(b, w.notices, w.noticed)
		}
		found := make([]*payment.Standing, len(calls))
		for i, s := range calls {
			found[i] = &s.found
		}
		payment.QueueStandings(b, w.settlements, found)
		return nil
	})
}

// settledRows are settlements, and what follows from them.
type settledRows struct {
	settlements, succeeded []payment.Settlement
	paid, cancelled        []transition // of the orders
	notices                []payment.Notice
	noticed                []payment.Settlement // what each notice is about
}

func settledRowsOf(calls []*settling) settledRows {
	var w settledRows
	for _, call := range calls {
		s := payment.Settlement{Payment: call.payment, Transition: uuid.New(), Outcome: call.outcome.Storable()}
		if call.notice != nil {
			s.Provider = call.notice.Provider
			w.notices, w.noticed = append(w.notices, *call.notice), append(w.noticed, s)
		}
		w.add(s)
	}
	return w
}

func (w *settledRows) add(s payment.Settlement) {
	w.settlements = append(w.settlements, s)
	t := transition{order: s.Payment, id: s.Transition, when: whenPaymentChanged, actor: "system"}
	switch s.Outcome.Status {
	case payment.StatusSucceeded:
		t.step = stepPay
		w.succeeded, w.paid = append(w.succeeded, s), append(w.paid, t)
	case payment.StatusFailed, payment.StatusCancelled:
		t.step, t.cancelReason, t.reason = stepCancel, "payment_failed", s.Outcome.FailureCode
		w.cancelled = append(w.cancelled, t)
	}
}

// queueOutcomes adds what was said of payments and what follows from it for their orders.
func (o *Orders) queueOutcomes(b *database.Batch, w settledRows) error {
	payment.QueueOutcomes(b, w.settlements...)
	for _, transitions := range [][]transition{w.paid, w.cancelled} {
		if transitions == nil {
			continue
		}
		if err := o.queue(b, transitions...); err != nil {
			return err
		}
	}
	if w.succeeded != nil {
		payment.QueueRefundIfTooLate(b, w.succeeded...)
	}
	return nil
}

// handle acts on a notice from the inbox. Its error says why that could not be done yet.
func (o *Orders) handle(ctx context.Context, notice payment.Notice) error {
	err := o.act(ctx, notice)
	o.Metrics.recordNotice(ctx, notice.Provider, err)
	return err
}

func (o *Orders) act(ctx context.Context, notice payment.Notice) error {
	event := notice.Event
	switch event.Type {
	case payment.EventPaymentSucceeded, payment.EventPaymentFailed, payment.EventPaymentCancelled, payment.EventPaymentRequiresAction:
		s, ok := o.settlingOf(notice)
		if !ok {
			return o.dismiss(ctx, notice, "not one of our payments")
		}
		err := o.settle(ctx, s)
		if errors.Is(err, ErrOthersPayment) {
			return o.dismiss(ctx, notice, err.Error())
		}
		return err
	case payment.EventRefundSucceeded, payment.EventRefundFailed:
		ref, err := o.Regions.ParseID(regions.RefundPrefix, event.RefundID)
		if err != nil {
			return o.dismiss(ctx, notice, "not one of our refunds")
		}
		return o.settleRefund(ctx, ref, event.Refund, &notice)
	case payment.EventPaymentAuthorized:
		return o.takeHeld(ctx, notice)
	case payment.EventDisputeOpened, payment.EventDisputeClosed:
		return o.noteDispute(ctx, notice)
	}
	return o.dismiss(ctx, notice, "nothing to do")
}

// dismiss marks a notice as done without an effect.
func (o *Orders) dismiss(ctx context.Context, notice payment.Notice, remark string) error {
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		payment.QueueNoticeDone(b, notice, remark)
		return nil
	})
}

// settleRefund records what a provider said of a refund, with an event where it failed:
// an operator has to try again.
func (o *Orders) settleRefund(ctx context.Context, ref regions.Ref, outcome payment.RefundOutcome, notice *payment.Notice) error {
	outcome = outcome.Storable()
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		if outcome.Status == payment.RefundFailed {
			// before the outcome: the event is written by the one that finds it pending
			err := outbox.QueueWhere(b, outbox.Event{
				Region: ref.Region, Topic: "refund.failed", Key: o.Regions.FormatID(regions.RefundPrefix, ref),
				Payload: map[string]any{"refund": o.Regions.FormatID(regions.RefundPrefix, ref), "failure_code": outcome.FailureCode},
			}, `EXISTS (SELECT 1 FROM refunds WHERE region = $5 AND id = $6 AND status = 'pending')`, ref.Region, ref.ID)
			if err != nil {
				return err
			}
		}
		payment.QueueRefundOutcome(b, ref, outcome)
		if notice != nil {
			payment.QueueNoticeDone(b, *notice, "")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle refund: %w", err)
	}
	return nil
}

// amount is minor units of the order's currency.
func (o Order) amount(minor int64) money.Amount { return money.New(minor, o.Currency) }
