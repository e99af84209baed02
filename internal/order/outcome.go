package order

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/regions"
)

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
		outcome, err = provider.Find(asking, o.PaymentID(order.Ref))
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
		Amount: order.amount(order.TotalMinor),
	}
	for _, line := range order.Lines {
		in.Lines = append(in.Lines, payment.Line{SKU: line.SKU, Title: line.Title, Quantity: line.Quantity, Total: order.amount(line.SubtotalMinor)})
	}
	if order.ShippingMinor > 0 {
		in.Lines = append(in.Lines, payment.Line{SKU: "shipping", Title: "Shipping", Quantity: 1, Total: order.amount(order.ShippingMinor)})
	}
	if !order.PricesIncludeTax && order.TaxMinor > 0 {
		in.Lines = append(in.Lines, payment.Line{SKU: "tax", Title: "Tax", Quantity: 1, Total: order.amount(order.TaxMinor)})
	}
	return in
}

// Settle acts on what a provider said of an order's payment: one batch, one round trip,
// safe in any order and number. payment.ErrUnknownPayment is returned if there is no such
// payment (yet), *AmountMismatchError for a success of another amount.
func (o *Orders) Settle(ctx context.Context, ref regions.Ref, outcome payment.Outcome) error {
	return o.settle(ctx, ref, outcome, nil)
}

func (o *Orders) settle(ctx context.Context, ref regions.Ref, outcome payment.Outcome, notice *payment.Notice) error {
	var state payment.State
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		state = ""
		if err := o.queueOutcome(b, ref, outcome); err != nil {
			return err
		}
		if notice != nil {
			payment.QueuePaymentNoticeDone(b, *notice, ref)
		}
		queueState(b, ref, &state)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("settle payment: %w", err)
	case state == "":
		return payment.ErrUnknownPayment
	case outcome.Status == payment.StatusSucceeded && state != payment.Captured:
		return &AmountMismatchError{PaymentID: o.PaymentID(ref), CapturedMinor: outcome.CapturedMinor}
	}
	return nil
}

func queueState(b *database.Batch, ref regions.Ref, into *payment.State) {
	b.Queue(`
SELECT status
FROM payments
WHERE region = $1 AND id = $2`, ref.Region, ref.ID).Query(database.CollectFirst(into, pgx.RowTo[payment.State]))
}

// queueOutcome adds a payment's outcome and what follows from it for its order.
func (o *Orders) queueOutcome(b *database.Batch, ref regions.Ref, outcome payment.Outcome) error {
	t := transition{order: ref, id: uuid.New(), when: whenPaymentChanged, actor: "system"}
	payment.QueueOutcome(b, ref, t.id, outcome)
	switch outcome.Status {
	case payment.StatusSucceeded:
		t.step = stepPay
		if err := o.queue(b, t); err != nil {
			return err
		}
		payment.QueueRefundIfTooLate(b, ref, t.id)
	case payment.StatusFailed, payment.StatusCancelled:
		t.step, t.cancelReason, t.reason = stepCancel, "payment_failed", outcome.FailureCode
		return o.queue(b, t)
	}
	return nil
}

// ReceiveWebhook takes a verified event of a provider: one round trip to write it to the
// inbox, one to act on it. A nil error means that it is safe to acknowledge, whether or
// not it could be acted on yet: the inbox has it.
func (o *Orders) ReceiveWebhook(ctx context.Context, provider string, event payment.Event) error {
	notice, todo, err := o.inbox.Receive(ctx, provider, event)
	if err != nil || !todo {
		return err
	}
	_ = o.handle(ctx, notice) // a worker takes it up again
	return nil
}

// handle acts on a notice from the inbox. Its error says why that could not be done yet.
func (o *Orders) handle(ctx context.Context, notice payment.Notice) error {
	event := notice.Event
	switch event.Type {
	case payment.EventPaymentSucceeded, payment.EventPaymentFailed, payment.EventPaymentCancelled:
		ref, err := o.Regions.ParseID(regions.PaymentPrefix, event.PaymentID)
		if err != nil {
			return o.dismiss(ctx, notice, "not one of our payments")
		}
		return o.settle(ctx, ref, event.Outcome, &notice)
	case payment.EventRefundSucceeded, payment.EventRefundFailed:
		ref, err := o.Regions.ParseID(regions.RefundPrefix, event.RefundID)
		if err != nil {
			return o.dismiss(ctx, notice, "not one of our refunds")
		}
		return o.settleRefund(ctx, ref, event.Refund, &notice)
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
