package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
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
// answer is final. An order that costs nothing is paid without asking anybody. If the provider
// gives no usable answer the outcome is payment.StatusProcessing: a worker asks again. It may be
// repeated.
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

// startInput returns what the provider is asked: the very lines the order holds.
func (o *Orders) startInput(order Order, returnURL string) payment.StartInput {
	in := payment.StartInput{
		PaymentID: o.PaymentID(order.Ref), OrderID: o.PublicID(order.Ref), Method: order.Payment.Method, ReturnURL: returnURL,
		Amount: order.amount(order.TotalMinor), PlacedAt: order.PlacedAt,
	}
	for _, line := range order.Lines {
		in.Lines = append(in.Lines, payment.Line{
			SKU: line.SKU, Title: line.Title, Quantity: line.Quantity, Total: order.amount(line.SubtotalMinor - line.DiscountMinor),
		})
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
	return o.settle(ctx, newSettlement(ref, outcome))
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
	s, isSettlement := o.settlementOf(notice)
	if isSettlement {
		settling, cancel := context.WithTimeout(ctx, settleWithin)
		err := o.settle(settling, s)
		cancel()
		if written(err) {
			o.Metrics.recordNotice(ctx, provider, err)
			return nil
		}
	}
	notice, todo, err := o.inbox.Receive(ctx, provider, event)
	if err != nil || !todo || isSettlement {
		return err
	}
	_ = o.handle(ctx, notice) // a worker takes it up again
	return nil
}

// settleWithin is how long a webhook waits for its payment to be settled before it is only
// written to the inbox: less than its sender waits for the answer.
const settleWithin = 4 * time.Second

// settlement is what a provider said of a payment, and what it came to.
type settlement struct {
	payment.Settlement
	// notice, if not nil, is the webhook that said so: it is written to the inbox with the
	// effect.
	notice *payment.Notice

	// Afterwards: the payment's state, empty if there is no such payment, and its provider;
	// whether this moved the order on, and when that was placed.
	state      payment.State
	provider   string
	orderMoved bool
	placedAt   time.Time
}

func newSettlement(ref regions.Ref, outcome payment.Outcome) *settlement {
	return &settlement{Settlement: payment.Settlement{Payment: ref, Outcome: outcome.Storable()}}
}

// settlementOf returns the settlement that a notice of a payment asks for; false for any other
// notice.
func (o *Orders) settlementOf(notice payment.Notice) (*settlement, bool) {
	switch notice.Event.Type {
	case payment.EventPaymentSucceeded, payment.EventPaymentFailed, payment.EventPaymentCancelled, payment.EventPaymentRequiresAction:
	default:
		return nil, false
	}
	ref, err := o.Regions.ParseID(regions.PaymentPrefix, notice.Event.PaymentID)
	s := newSettlement(ref, notice.Event.Outcome)
	s.Provider, s.notice = notice.Provider, &notice
	return s, err == nil
}

// written reports whether the batch of a settlement was written: it was also where the
// settlement could not be acted on.
func written(err error) bool {
	return err == nil || errors.Is(err, payment.ErrUnknownPayment) || isMismatch(err) || errors.Is(err, ErrOthersPayment)
}

// settle writes a settlement together with the others of its lane.
func (o *Orders) settle(ctx context.Context, s *settlement) error {
	if err := o.settlements.Do(ctx, s.Payment.Region, s); err != nil {
		return fmt.Errorf("settle payment: %w", err)
	}
	if s.state == "" {
		return payment.ErrUnknownPayment
	}
	o.record(ctx, s)
	switch {
	case s.notice != nil && s.Provider != s.provider:
		return ErrOthersPayment
	case s.Outcome.Status == payment.StatusSucceeded && s.state != payment.Captured:
		return &AmountMismatchError{PaymentID: o.PaymentID(s.Payment), CapturedMinor: s.Outcome.CapturedMinor}
	}
	return nil
}

// record counts what became of a settlement.
func (o *Orders) record(ctx context.Context, s *settlement) {
	o.Metrics.recordPayment(ctx, s.provider, s.Outcome.Status)
	if !s.orderMoved {
		return
	}
	reason := ""
	if s.Outcome.Status != payment.StatusSucceeded {
		reason = "payment_failed"
	}
	o.Metrics.recordSettled(ctx, s.placedAt, o.Now(), reason)
}

// writeSettlements records what was said of payments, with what follows for their orders.
func (o *Orders) writeSettlements(ctx context.Context, calls []*settlement) error {
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		var said, succeeded, noticed []payment.Settlement
		var paid, cancelled []transition
		var notices []payment.Notice
		for _, s := range calls {
			s.Transition = uuid.New()
			said = append(said, s.Settlement)
			if s.notice != nil {
				notices, noticed = append(notices, *s.notice), append(noticed, s.Settlement)
			}
			t := o.transition(s.Payment, s.Transition, "system")
			switch s.Outcome.Status {
			case payment.StatusSucceeded:
				t.step = stepPay
				succeeded, paid = append(succeeded, s.Settlement), append(paid, t)
			case payment.StatusFailed, payment.StatusCancelled:
				t.step, t.CancelReason, t.Reason = stepCancel, "payment_failed", s.Outcome.FailureCode
				cancelled = append(cancelled, t)
			}
		}
		if moves := slices.Concat(paid, cancelled); len(moves) > 0 {
			queueLock(b, stepPay.from, moves...)
		}
		payment.QueueReceive(b, notices...)
		payment.QueueOutcomes(b, said...)
		for _, transitions := range [][]transition{paid, cancelled} {
			if transitions == nil {
				continue
			}
			if err := o.queue(b, paymentChanged, transitions...); err != nil {
				return err
			}
		}
		if succeeded != nil {
			payment.QueueRefundIfTooLate(b, cancelledSQL, succeeded...)
		}
		if notices != nil {
			payment.QueuePaymentNoticesDone(b, notices, noticed)
		}
		queueSettled(b, calls)
		return nil
	})
}

// cancelledSQL tells of a payment p that its order is cancelled.
const cancelledSQL = `EXISTS (SELECT 1 FROM orders o WHERE o.region = p.region AND o.id = p.order_id AND o.status = 'cancelled')`

// settledPayment is a payment that a batch settles, and the place of its settlement.
type settledPayment struct {
	Payment    regions.Ref `db:"*"`
	Transition uuid.UUID   `db:"transition_id"`
	Place      int
}

// queueSettled reads what the settlements came to, at the end of their batch.
func queueSettled(b *database.Batch, settlements []*settlement) {
	rows := make([]settledPayment, len(settlements))
	for i, s := range settlements {
		s.state = ""
		rows[i] = settledPayment{Payment: s.Payment, Transition: s.Transition, Place: i}
	}
	b.QueueArgs(`
SELECT s.place, p.status, p.provider, o.transition_id = s.transition_id, o.placed_at
FROM `+database.Unnest[settledPayment]("s")+`
JOIN `+payment.PaymentsSQL+` p ON p.region = s.region::crdb_internal_region AND p.id = s.id
JOIN orders o ON o.region = p.region AND o.id = p.order_id`, database.Columns(rows)).Query(func(rows pgx.Rows) error {
		var i int
		var s settlement
		_, err := pgx.ForEachRow(rows, []any{&i, &s.state, &s.provider, &s.orderMoved, &s.placedAt}, func() error {
			into := settlements[i]
			into.state, into.provider, into.orderMoved, into.placedAt = s.state, s.provider, s.orderMoved, s.placedAt
			return nil
		})
		return err
	})
}

// handle acts on a notice from the inbox. Its error says why that could not be done yet.
func (o *Orders) handle(ctx context.Context, notice payment.Notice) error {
	err := o.act(ctx, notice)
	o.Metrics.recordNotice(ctx, notice.Provider, err)
	return err
}

// act does what a notice asks for.
func (o *Orders) act(ctx context.Context, notice payment.Notice) error {
	event := notice.Event
	switch event.Type {
	case payment.EventPaymentSucceeded, payment.EventPaymentFailed, payment.EventPaymentCancelled, payment.EventPaymentRequiresAction:
		s, ok := o.settlementOf(notice)
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
	publicID := o.Regions.FormatID(regions.RefundPrefix, ref)
	failed := outbox.Event{
		Region: ref.Region, Topic: "refund.failed", Key: publicID,
		Payload: map[string]any{"refund_id": publicID, "failure_code": outcome.FailureCode},
	}
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		if err := payment.QueueRefundOutcome(b, ref, outcome, failed); err != nil {
			return err
		}
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
