package stripe

import (
	"context"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// codeNotHeld is the code for capturing more than is held.
const codeNotHeld = "not_authorized"

// Capture implements payment.Capturer. Stripe holds money for seven days and then releases it.
func (c *Client) Capture(ctx context.Context, asked payment.Asked, amount money.Amount) (payment.Outcome, error) {
	intent, err := c.lookUp(ctx, asked)
	if err == nil && intent.Status != stripego.PaymentIntentStatusSucceeded {
		intent, err = c.capture(ctx, asked, intent, amount)
	}
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("capture payment %s: %w", asked.PaymentID, err)
	}
	return answer(intent)
}

func (c *Client) capture(ctx context.Context, asked payment.Asked, intent *stripego.PaymentIntent,
	amount money.Amount) (*stripego.PaymentIntent, error) {
	take, err := toStripe(amount)
	if err != nil {
		return nil, err
	}
	if currencyOf(amount) != string(intent.Currency) || take <= 0 || take > intent.AmountCapturable {
		return nil, &payment.RejectedError{Code: codeNotHeld, Message: fmt.Sprintf("%s is not held", amount)}
	}
	params := &stripego.PaymentIntentCaptureParams{AmountToCapture: new(take)}
	params.SetIdempotencyKey(asked.PaymentID + "/capture")
	captured, err := ask(c, func() (*stripego.PaymentIntent, error) {
		return c.stripe.V1PaymentIntents.Capture(ctx, intent.ID, params)
	})
	if isRefusal(err, stripego.ErrorCodePaymentIntentUnexpectedState) { // another call was quicker, or it was cancelled
		return c.retrieve(ctx, asked, intent.ID)
	}
	if err != nil {
		return nil, err
	}
	return checked(captured, asked)
}
