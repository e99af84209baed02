package stripe

import (
	"context"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// Find implements payment.Provider. Without Stripe's reference it finds only payments that are a day old: see open.
// An intent that was made but not confirmed is no payment yet; Start continues with it.
func (c *Client) Find(ctx context.Context, asked payment.Asked) (payment.Outcome, error) {
	intent, err := c.lookUp(ctx, asked)
	if err == nil && untried(intent) {
		err = payment.ErrUnknownPayment
	}
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("find payment %s: %w", asked.PaymentID, err)
	}
	return answer(intent)
}

// PaymentOf returns the shop's id of the payment that Stripe knows by providerRef, as disputes do. It fails with
// payment.ErrUnknownPayment if the payment is not the shop's.
func (c *Client) PaymentOf(ctx context.Context, providerRef string) (string, error) {
	intent, err := ask(c, func() (*stripego.PaymentIntent, error) {
		return c.stripe.V1PaymentIntents.Retrieve(ctx, providerRef, nil)
	})
	if err == nil && intent.Metadata[metaPayment] == "" {
		err = payment.ErrUnknownPayment
	}
	if err != nil {
		return "", fmt.Errorf("find the payment of %s: %w", providerRef, err)
	}
	return intent.Metadata[metaPayment], nil
}
