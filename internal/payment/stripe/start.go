package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// Codes of what is refused before Stripe is asked.
const (
	codeInput  = "bad_request"
	codeMethod = "payment_method_invalid"
	codeOld    = "payment_too_old"
)

// Start implements payment.Provider. It makes a PaymentIntent, which asks for no money yet, and then confirms it.
// Each step has its own idempotency key, so that it happens once however often Start is called.
func (c *Client) Start(ctx context.Context, in payment.StartInput) (payment.Outcome, error) {
	outcome, err := c.start(ctx, in)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("start payment %s: %w", in.PaymentID, err)
	}
	return outcome, nil
}

func (c *Client) start(ctx context.Context, in payment.StartInput) (payment.Outcome, error) {
	if err := c.check(in); err != nil {
		return payment.Outcome{}, err
	}
	intent, err := c.open(ctx, in.Asked())
	if errors.Is(err, payment.ErrUnknownPayment) {
		err = &payment.RejectedError{Code: codeOld, Message: "the payment was never started, and is too old to be started safely"}
	}
	if err == nil && untried(intent) {
		intent, err = c.confirm(ctx, intent, in)
	}
	if err == nil && refused(intent) {
		intent, err = c.close(ctx, in.Asked(), intent)
	}
	if err != nil {
		return payment.Outcome{}, err
	}
	return answer(intent)
}

// check rejects payments that Stripe should not be asked for.
func (c *Client) check(in payment.StartInput) error {
	if err := in.Validate(); err != nil {
		return &payment.RejectedError{Code: codeInput, Message: err.Error()}
	}
	if in.PlacedAt.IsZero() {
		return &payment.RejectedError{Code: codeInput, Message: "placed at is empty: whether the payment may be started depends on it"}
	}
	if err := c.CheckMethod(in.Method); err != nil {
		return &payment.RejectedError{Code: codeMethod, Message: "the method " + err.Error()}
	}
	return nil
}

// confirm asks for the money with the shopper's method, and returns the intent as it is then. This happens once in
// the life of a payment, because of its key and because a declined intent is closed.
func (c *Client) confirm(ctx context.Context, intent *stripego.PaymentIntent, in payment.StartInput) (*stripego.PaymentIntent, error) {
	params := &stripego.PaymentIntentConfirmParams{PaymentMethod: new(in.Method), CaptureMethod: new(string(c.cfg.Capture))}
	if in.ReturnURL != "" {
		params.ReturnURL = new(in.ReturnURL)
	}
	params.SetIdempotencyKey(in.PaymentID + "/confirm")
	confirmed, err := ask(c, func() (*stripego.PaymentIntent, error) {
		return c.stripe.V1PaymentIntents.Confirm(ctx, intent.ID, params)
	})
	var no *refusal
	var rejected *payment.RejectedError
	switch {
	case err == nil:
		return checked(confirmed, in.Asked())
	case errors.As(err, &no) && no.status == http.StatusPaymentRequired,
		isRefusal(err, stripego.ErrorCodePaymentIntentUnexpectedState), // another call was quicker
		errors.Is(err, payment.ErrConflict):                            // so too, and with another return URL
		return c.retrieve(ctx, in.Asked(), intent.ID)
	case errors.As(err, &rejected): // such as an unknown method: no later call may pay with this intent
		_, closing := c.close(ctx, in.Asked(), intent)
		if closing != nil {
			return nil, closing
		}
	}
	return nil, err
}

// answer returns the outcome of a call about an intent.
func answer(intent *stripego.PaymentIntent) (payment.Outcome, error) {
	outcome, err := outcomeOf(intent)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
	}
	return outcome, nil
}
