package order

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/regions"
)

// madeAtProvider is the reason of refunds that the shop did not ask for.
const madeAtProvider = "made_at_provider"

// noteRefund has a worker compare a payment with its provider's books, since the provider tells of a refund that the shop
// did not ask for. What the notice says of it may be old; the books are not.
func (o *Orders) noteRefund(ctx context.Context, notice payment.Notice) error {
	ref, err := o.paymentOf(ctx, notice, notice.Event.PaymentRef)
	if errors.Is(err, payment.ErrUnknownPayment) {
		return o.dismiss(ctx, notice, "not one of our payments")
	}
	if err != nil {
		return err
	}
	err = o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		payment.QueueNominate(b, payment.Suspect{Payment: ref, Provider: notice.Provider})
		payment.QueueNoticeDone(b, notice, "made at the provider: its books are compared")
		return nil
	})
	if err != nil {
		return fmt.Errorf("note refund: %w", err)
	}
	return nil
}

// paymentOf returns the payment that a notice is about. Where it does not tell our id, the provider is asked for it by
// its own.
func (o *Orders) paymentOf(ctx context.Context, notice payment.Notice, providerRef string) (regions.Ref, error) {
	id := notice.Event.PaymentID
	if id == "" {
		provider, ok := o.Providers[notice.Provider].(payment.Resolver)
		if !ok {
			return regions.Ref{}, payment.ErrUnknownPayment
		}
		asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
		defer cancel()
		var err error
		if id, err = provider.PaymentOf(asking, providerRef); err != nil {
			return regions.Ref{}, err
		}
	}
	ref, err := o.Regions.ParseID(regions.PaymentPrefix, id)
	if err != nil {
		return regions.Ref{}, payment.ErrUnknownPayment
	}
	return ref, nil
}

// queueUnknownRefund has the payment compared if a notice tells of a refund by an id of ours that the shop does not have.
func (o *Orders) queueUnknownRefund(b *database.Batch, refund regions.Ref, notice payment.Notice) {
	if ref, err := o.Regions.ParseID(regions.PaymentPrefix, notice.Event.PaymentID); err == nil {
		payment.QueueNominateUnknown(b, refund, payment.Suspect{Payment: ref, Provider: notice.Provider})
	}
}

// bookRefund writes what a provider's books say of a refund of an order: what became of one that the shop has, or one that
// somebody made at the provider, which it adopts. It returns *RefundTooLargeError if the money is promised otherwise.
func (o *Orders) bookRefund(ctx context.Context, ref regions.Ref, made payment.BookedRefund) error {
	made.Outcome = made.Outcome.Storable()
	for attempt := 1; ; attempt++ {
		order, reservations, err := o.readForRefund(ctx, RefundInput{Command: Command{Order: ref}})
		if err != nil {
			return err
		}
		if row := made.Row(o.Regions, order.Refunds); row != nil {
			return o.settleRefund(ctx, row.Ref, made.Outcome, nil)
		}
		err = o.adopt(ctx, order, reservations, made)
		if err == nil || !wasQuicker(err) {
			return err
		}
		if attempt == maxRefundRetries {
			return &database.RetriesExhaustedError{Attempts: attempt, Err: err}
		}
	}
}

// adopt works out and writes a refund that was made at the provider.
func (o *Orders) adopt(ctx context.Context, order Order, reservations []inventory.Reservation, made payment.BookedRefund) error {
	a, err := o.planAdoption(order, reservations, made)
	if err != nil {
		return err
	}
	if err := o.writeAdoption(ctx, order, a); err != nil {
		return fmt.Errorf("adopt refund: %w", err)
	}
	return nil
}

// wasQuicker reports whether an adoption failed because another change of its order came between.
func wasQuicker(err error) bool {
	return database.Violates(err, "orders_version_current") || payment.TooLarge(err) || payment.IsAdopted(err) || payment.WasRetried(err)
}

// adoption is a refund that was made at the provider, worked out.
type adoption struct {
	refundWork
	refund    payment.Refund
	inPlaceOf *uuid.UUID // a failed refund
}

// planAdoption works out what a refund that was made at the provider does to its order: the same as one of that amount
// made by the shop. One of the very amount of a refund that failed takes that one's place, with its lines, if it was made
// later or leaves too little to try that one again.
func (o *Orders) planAdoption(order Order, reservations []inventory.Reservation, made payment.BookedRefund) (adoption, error) {
	paid := order.Payment
	a := adoption{refundWork: refundWork{amountMinor: made.Outcome.Amount.Minor, to: order.Status}}
	a.refund = payment.Refund{
		Ref:     regions.Ref{Region: order.Ref.Region, ID: payment.AdoptedID(paid.Ref.ID, made.Outcome.ProviderRef)},
		OrderID: order.Ref.ID, PaymentID: paid.Ref.ID, AmountMinor: a.amountMinor, Currency: made.Outcome.Amount.Currency,
		Reason: madeAtProvider, Actor: "system", State: made.Outcome.Status, ProviderRef: made.Outcome.ProviderRef,
		FailureCode: made.Outcome.FailureCode, MadeAtProvider: true,
	}
	left := paid.CapturedMinor - paid.RefundedMinor
	if a.refund.Currency != paid.Currency || a.amountMinor <= 0 {
		return adoption{}, &RefundTooLargeError{Field: "currency", Left: left}
	}
	if a.refund.State == payment.RefundFailed { // it gave nothing back
		return a, nil
	}
	if a.amountMinor > left {
		return adoption{}, &RefundTooLargeError{Field: "amount_minor", Left: left}
	}
	if r := replaced(order.Refunds, made, left); r != nil {
		a.inPlaceOf, a.refund.Lines = &r.Ref.ID, r.Lines
	}
	if order.Status != Cancelled {
		a.refundWork = a.concluded(order, reservations, false)
	}
	return a, nil
}

// replaced returns the failed refund in whose place one was made at the provider, or nil: of the very amount, and promised
// before that or impossible to try again after it. left is what can be given back.
func replaced(refunds []payment.Refund, made payment.BookedRefund, left int64) *payment.Refund {
	amount := made.Outcome.Amount.Minor
	for i, r := range refunds {
		takesPlace := !made.CreatedAt.Before(r.CreatedAt) || r.AmountMinor > left-amount
		if r.State == payment.RefundFailed && r.AmountMinor == amount && takesPlace {
			return &refunds[i]
		}
	}
	return nil
}

// writeAdoption writes a refund that was made at the provider, if the order is as it was read. It fails if the refund is
// written already.
func (o *Orders) writeAdoption(ctx context.Context, order Order, a adoption) error {
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		if a.refund.State == payment.RefundFailed {
			payment.QueueAdopt(b, a.refund, nil)
			return nil
		}
		if order.Status != Cancelled { // whose money is promised back whole, and which changes no more
			t := o.transition(order.Ref, uuid.New(), a.refund.Actor)
			t.step, t.Reason = step{to: a.to}, a.refund.Reason
			queueLock(b, Statuses, t)
			queueGuarded(b, t, order.Version)
			inventory.QueueRelease(b, t.Cause, a.release...)
		}
		payment.QueueAdopt(b, a.refund, a.inPlaceOf)
		return outbox.Queue(b, o.refundPromised(a.refund, a.to))
	})
}
