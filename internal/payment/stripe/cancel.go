package stripe

import (
	"context"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// The reasons for cancelling an intent, of those that Stripe has. The first records that the payment failed rather than
// was given up.
const (
	afterRefusal = stripego.PaymentIntentCancellationReasonAbandoned
	givenUp      = stripego.PaymentIntentCancellationReasonRequestedByCustomer
)

// Cancel implements payment.Provider. If no answer about the payment was ever received, it makes the intent or gets
// the existing one, and cancels that, so that a Start still on its way finds a cancelled intent.
func (c *Client) Cancel(ctx context.Context, asked payment.Asked) (payment.Outcome, error) {
	intent, err := c.toCancel(ctx, asked)
	if err == nil {
		intent, err = c.close(ctx, asked, intent)
	}
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("cancel payment %s: %w", asked.PaymentID, err)
	}
	return answer(intent)
}

// toCancel returns the intent to cancel, which it makes if there is none.
func (c *Client) toCancel(ctx context.Context, asked payment.Asked) (*stripego.PaymentIntent, error) {
	if asked.ProviderRef != "" {
		return c.retrieve(ctx, asked, asked.ProviderRef)
	}
	return c.open(ctx, asked)
}

// close cancels an intent that can still take money, and returns the intent as it is then.
func (c *Client) close(ctx context.Context, asked payment.Asked, intent *stripego.PaymentIntent) (*stripego.PaymentIntent, error) {
	reason := givenUp
	switch intent.Status {
	case stripego.PaymentIntentStatusSucceeded, stripego.PaymentIntentStatusCanceled, stripego.PaymentIntentStatusProcessing:
		return intent, nil
	case stripego.PaymentIntentStatusRequiresPaymentMethod:
		if refused(intent) {
			reason = afterRefusal
		}
	}
	params := &stripego.PaymentIntentCancelParams{CancellationReason: new(string(reason))}
	closed, err := ask(c, func() (*stripego.PaymentIntent, error) {
		return c.stripe.V1PaymentIntents.Cancel(ctx, intent.ID, params)
	})
	if isRefusal(err, stripego.ErrorCodePaymentIntentUnexpectedState) { // it moved on meanwhile
		return c.retrieve(ctx, asked, intent.ID)
	}
	if err != nil {
		return nil, err
	}
	return checked(closed, asked)
}
