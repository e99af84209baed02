package order

import (
	"context"
	"errors"

	"meridian/internal/payment"
	"meridian/regions"
)

// take takes the money that a provider only holds, of an order that was open a moment ago. Held money is taken at once
// and in full; what it is held first for is an order that is closed while the shopper is still at the bank: its money
// is let go of, where a charge would have to be refunded. Any other outcome stays as it is.
func (o *Orders) take(ctx context.Context, provider payment.Provider, asked payment.Asked, outcome payment.Outcome) (payment.Outcome,
	error) {
	capturer, ok := provider.(payment.Capturer)
	if !ok || outcome.Status != payment.StatusAuthorized {
		return outcome, nil
	}
	asked.ProviderRef = outcome.ProviderRef
	return capturer.Capture(ctx, asked, asked.Amount)
}

// takeHeld acts on the notice that money is held. That of an order which no longer waits is let go of by a worker.
func (o *Orders) takeHeld(ctx context.Context, notice payment.Notice) error {
	ref, err := o.Regions.ParseID(regions.PaymentPrefix, notice.Event.PaymentID)
	if err != nil {
		return o.dismiss(ctx, notice, "not one of our payments")
	}
	order, err := o.Get(ctx, ref)
	switch {
	case errors.Is(err, ErrNotFound):
		return payment.ErrUnknownPayment // perhaps not yet
	case err != nil:
		return err
	case order.Payment.Provider != notice.Provider:
		return o.dismiss(ctx, notice, ErrOthersPayment.Error())
	case order.Status != PendingPayment:
		return o.dismiss(ctx, notice, "the order does not wait for it")
	}
	provider, ok := o.Providers[notice.Provider]
	if !ok {
		return ErrUnknownProvider
	}
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	outcome, err := o.take(asking, provider, o.asked(order.Payment), notice.Event.Outcome)
	if errors.As(err, new(*payment.RejectedError)) {
		return o.dismiss(ctx, notice, "it is not held any more")
	}
	if err == nil {
		err = o.conclude(ctx, ref, outcome)
	}
	if err != nil {
		return err
	}
	return o.dismiss(ctx, notice, "")
}
