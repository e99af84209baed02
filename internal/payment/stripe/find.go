package stripe

import (
	"context"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// Find implements payment.Provider. By our id alone it finds only what is a day old: see open. An intent that was made
// and not confirmed is no payment yet: Start goes on with it.
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

// PaymentOf tells which of our payments Stripe knows by an id of its own: disputes name theirs by that. It is
// payment.ErrUnknownPayment if it is none of ours.
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
