package order

import (
	"context"
	"errors"
	"fmt"

	"meridian/internal/database"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/regions"
)

// noteDispute passes on that a payment is disputed, or that a dispute of it has ended, as the event payment.disputed or
// payment.dispute_closed: what is to be done about it a person does, at the provider. The order stays as it is.
func (o *Orders) noteDispute(ctx context.Context, notice payment.Notice) error {
	ref, err := o.disputed(ctx, notice)
	if errors.Is(err, payment.ErrUnknownPayment) {
		return o.dismiss(ctx, notice, "not one of our payments")
	}
	if err != nil {
		return err
	}
	dispute := notice.Event.Dispute
	event := outbox.Event{
		Region: ref.Region, Topic: "payment.disputed", Key: o.PaymentID(ref),
		Payload: map[string]any{
			"payment_id": o.PaymentID(ref), "order_id": o.PublicID(ref), "provider": notice.Provider, "dispute_ref": dispute.ProviderRef,
			"reason": dispute.Reason, "status": dispute.Status, "amount_minor": dispute.Amount.Minor, "currency": dispute.Amount.Currency,
		},
	}
	if notice.Event.Type == payment.EventDisputeClosed {
		event.Topic = "payment.dispute_closed"
	}
	err = o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		err := payment.QueueEvent(b, notice, event)
		payment.QueueNoticeDone(b, notice, "disputed: left to a person")
		return err
	})
	if err != nil {
		return fmt.Errorf("note dispute: %w", err)
	}
	return nil
}

// disputed returns the payment that a notice of a dispute is about, which it names as its provider does.
func (o *Orders) disputed(ctx context.Context, notice payment.Notice) (regions.Ref, error) {
	provider, ok := o.Providers[notice.Provider].(payment.Disputer)
	if !ok {
		return regions.Ref{}, payment.ErrUnknownPayment
	}
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	id, err := provider.PaymentOf(asking, notice.Event.Dispute.PaymentRef)
	if err != nil {
		return regions.Ref{}, err
	}
	ref, err := o.Regions.ParseID(regions.PaymentPrefix, id)
	if err != nil {
		return regions.Ref{}, payment.ErrUnknownPayment
	}
	return ref, nil
}
