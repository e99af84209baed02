package stripe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// Keys of the metadata by which Stripe's objects are known as ours. They stand in its dashboard and in every event.
const (
	metaPayment = "payment_id"
	metaOrder   = "order_id"
	metaRefund  = "refund_id"
)

// keyLife is how long after a payment was recorded its idempotency key is trusted. Stripe forgets a key 24 hours
// after its first use, at the earliest; an hour is for clocks that differ and requests under way.
const keyLife = 23 * time.Hour

// open returns the payment's PaymentIntent as it stands, and makes it, without asking for money, if there is none.
// The key decides that there is only one: a repeated call, another process and a cancellation all get the same. Once
// the key may be forgotten nothing is made any more; the intent is searched for, because one that old is in Stripe's
// index or nowhere.
func (c *Client) open(ctx context.Context, asked payment.Asked) (*stripego.PaymentIntent, error) {
	if c.cfg.Now().Sub(asked.PlacedAt) > keyLife {
		return c.search(ctx, asked)
	}
	amount, err := toStripe(asked.Amount)
	if err != nil {
		return nil, err
	}
	// Stripe compares a repeated request with the first. So here stands only what never changes in the life of a
	// payment; and what is changed in the code makes repetitions of the last day's requests conflict.
	params := &stripego.PaymentIntentCreateParams{
		Amount:             new(amount),
		Currency:           new(currencyOf(asked.Amount)),
		PaymentMethodTypes: []*string{new("card")}, // also those in a phone's wallet
		Metadata:           map[string]string{metaPayment: asked.PaymentID, metaOrder: asked.OrderID},
	}
	params.SetIdempotencyKey(asked.PaymentID)
	made, err := ask(c, func() (*stripego.PaymentIntent, error) { return c.stripe.V1PaymentIntents.Create(ctx, params) })
	if err != nil {
		return nil, err
	}
	if made.LastResponse != nil && made.LastResponse.Header.Get("Idempotent-Replayed") == "true" {
		return c.retrieve(ctx, asked, made.ID) // the answer is as old as the first call
	}
	return checked(made, asked)
}

// lookUp returns the intent, without making one.
func (c *Client) lookUp(ctx context.Context, asked payment.Asked) (*stripego.PaymentIntent, error) {
	switch {
	case asked.ProviderRef != "":
		return c.retrieve(ctx, asked, asked.ProviderRef)
	case c.cfg.Now().Sub(asked.PlacedAt) > keyLife:
		return c.search(ctx, asked)
	}
	return nil, payment.ErrUnknownPayment
}

func (c *Client) retrieve(ctx context.Context, asked payment.Asked, id string) (*stripego.PaymentIntent, error) {
	intent, err := ask(c, func() (*stripego.PaymentIntent, error) { return c.stripe.V1PaymentIntents.Retrieve(ctx, id, nil) })
	if err != nil {
		return nil, err
	}
	return checked(intent, asked)
}

// search finds an older intent by our id. The index says that there is one; its state is asked for separately.
func (c *Client) search(ctx context.Context, asked payment.Asked) (*stripego.PaymentIntent, error) {
	params := &stripego.PaymentIntentSearchParams{SearchParams: stripego.SearchParams{
		Query: fmt.Sprintf("metadata['%s']:'%s'", metaPayment, asked.PaymentID), Limit: new(int64(1)),
	}}
	found, err := ask(c, func() (*stripego.PaymentIntent, error) {
		for intent, err := range c.stripe.V1PaymentIntents.Search(ctx, params).All(ctx) {
			return intent, err
		}
		return nil, nil
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, payment.ErrUnknownPayment
	}
	return c.retrieve(ctx, asked, found.ID)
}

// checked returns the intent if it is about the payment asked for, else payment.ErrUnavailable.
func checked(intent *stripego.PaymentIntent, asked payment.Asked) (*stripego.PaymentIntent, error) {
	amount, err := fromStripe(intent.Amount, intent.Currency)
	switch {
	case err != nil:
	case intent.ID == "" || intent.Metadata[metaPayment] != asked.PaymentID:
		err = errors.New("it answered about another payment")
	case asked.Amount.Currency != "" && amount != asked.Amount:
		err = fmt.Errorf("it answered about %s, not %s", amount, asked.Amount)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
	}
	return intent, nil
}

// refused reports whether the intent asked for money and was declined. Stripe would let it be confirmed again.
func refused(intent *stripego.PaymentIntent) bool {
	return intent.Status == stripego.PaymentIntentStatusRequiresPaymentMethod && intent.LastPaymentError != nil
}

// untried reports whether the intent has not asked for money yet.
func untried(intent *stripego.PaymentIntent) bool {
	return intent.Status == stripego.PaymentIntentStatusRequiresPaymentMethod && intent.LastPaymentError == nil ||
		intent.Status == stripego.PaymentIntentStatusRequiresConfirmation
}

// outcomeOf converts an intent to the shop's terms.
func outcomeOf(intent *stripego.PaymentIntent) (payment.Outcome, error) {
	amount, err := fromStripe(intent.Amount, intent.Currency)
	if err != nil {
		return payment.Outcome{}, err
	}
	captured, err := fromStripe(intent.AmountReceived, intent.Currency)
	if err != nil {
		return payment.Outcome{}, err
	}
	outcome := payment.Outcome{ProviderRef: intent.ID, Amount: amount}
	switch outcome.Status = statusOf(intent); outcome.Status {
	case payment.StatusSucceeded:
		outcome.CapturedMinor = captured.Minor
	case payment.StatusFailed:
		outcome.FailureCode = failureCode(intent)
	case payment.StatusRequiresAction:
		outcome.ClientSecret = intent.ClientSecret
	case "":
		return payment.Outcome{}, fmt.Errorf("status %q is not known", intent.Status)
	}
	return outcome, nil
}

// statusOf maps the state of an intent. It returns "" for an unknown one.
func statusOf(intent *stripego.PaymentIntent) payment.Status {
	switch intent.Status {
	case stripego.PaymentIntentStatusSucceeded:
		return payment.StatusSucceeded
	case stripego.PaymentIntentStatusRequiresCapture:
		return payment.StatusAuthorized
	case stripego.PaymentIntentStatusRequiresAction:
		return payment.StatusRequiresAction
	case stripego.PaymentIntentStatusProcessing:
		return payment.StatusProcessing
	case stripego.PaymentIntentStatusCanceled:
		if intent.CancellationReason == afterRefusal || intent.LastPaymentError != nil {
			return payment.StatusFailed
		}
		return payment.StatusCancelled
	}
	switch {
	case refused(intent):
		return payment.StatusFailed
	case untried(intent):
		return payment.StatusProcessing
	}
	return ""
}

// failureCode returns why a payment failed: the code of the card's bank if there is one, else Stripe's.
func failureCode(intent *stripego.PaymentIntent) string {
	if e := intent.LastPaymentError; e != nil {
		return cmp.Or(string(e.DeclineCode), string(e.Code), "declined")
	}
	return "declined"
}
