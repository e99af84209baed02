package stripe

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// Refund implements payment.Provider. It first looks for the refund among the payment's, because Stripe forgets
// idempotency keys after a day and a refund may be pending for longer. The key covers refunds requested at the same
// time.
func (c *Client) Refund(ctx context.Context, in payment.RefundInput) (payment.RefundOutcome, error) {
	outcome, err := c.refund(ctx, in)
	if err != nil {
		return payment.RefundOutcome{}, fmt.Errorf("refund %s: %w", in.RefundID, err)
	}
	return outcome, nil
}

func (c *Client) refund(ctx context.Context, in payment.RefundInput) (payment.RefundOutcome, error) {
	amount, err := toStripe(in.Amount)
	switch {
	case err != nil:
		return payment.RefundOutcome{}, err
	case amount <= 0 || in.RefundID == "":
		return payment.RefundOutcome{}, &payment.RejectedError{Code: codeInput, Message: "a refund needs an id and an amount above zero"}
	case in.PaymentRef == "": // only what was captured can be refunded, and then it is known
		return payment.RefundOutcome{}, payment.ErrUnknownPayment
	}
	intent, err := c.retrieve(ctx, payment.Asked{PaymentID: in.PaymentID}, in.PaymentRef)
	if err != nil {
		return payment.RefundOutcome{}, err
	}
	made, given, err := c.refundsOf(ctx, in)
	switch {
	case err != nil:
		return payment.RefundOutcome{}, err
	case made != nil:
		return refundAnswer(made, in)
	case string(intent.Currency) != currencyOf(in.Amount) || amount > intent.AmountReceived-given:
		return payment.RefundOutcome{}, payment.ErrRefundTooLarge
	}
	return c.giveBack(ctx, in, amount)
}

// refundsOf looks for the refund among those of its payment, and returns the sum of the others that have not failed.
func (c *Client) refundsOf(ctx context.Context, in payment.RefundInput) (made *stripego.Refund, given int64, err error) {
	params := &stripego.RefundListParams{PaymentIntent: new(in.PaymentRef)}
	params.Limit = new(int64(100)) // a page; further ones are read as long as there are any
	made, err = ask(c, func() (*stripego.Refund, error) {
		for refund, err := range c.stripe.V1Refunds.List(ctx, params).All(ctx) {
			if err != nil {
				return nil, err
			}
			if refund.Metadata[metaRefund] == in.RefundID {
				return refund, nil
			}
			if refundStatusOf(refund) != payment.RefundFailed {
				given += refund.Amount
			}
		}
		return nil, nil
	})
	return made, given, err
}

// giveBack creates the refund.
func (c *Client) giveBack(ctx context.Context, in payment.RefundInput, amount int64) (payment.RefundOutcome, error) {
	params := &stripego.RefundCreateParams{
		PaymentIntent: new(in.PaymentRef),
		Amount:        new(amount),
		Metadata:      map[string]string{metaRefund: in.RefundID, metaPayment: in.PaymentID},
	}
	params.SetIdempotencyKey(in.RefundID)
	made, err := ask(c, func() (*stripego.Refund, error) { return c.stripe.V1Refunds.Create(ctx, params) })
	var no *refusal
	switch {
	case err == nil:
		return refundAnswer(made, in)
	case isRefusal(err, stripego.ErrorCodeChargeAlreadyRefunded), // others were quicker
		errors.As(err, &no) && no.param == "amount" && errors.As(err, new(*payment.RejectedError)):
		return payment.RefundOutcome{}, fmt.Errorf("%w: %s", payment.ErrRefundTooLarge, err.Error())
	}
	return payment.RefundOutcome{}, err
}

// refundAnswer returns the outcome of a refund. It fails if Stripe answered about another one.
func refundAnswer(made *stripego.Refund, in payment.RefundInput) (payment.RefundOutcome, error) {
	outcome, err := refundOutcomeOf(made)
	if err == nil && made.Metadata[metaRefund] != in.RefundID {
		err = errors.New("it answered about another refund")
	}
	if err != nil {
		return payment.RefundOutcome{}, fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
	}
	if outcome.Amount != in.Amount {
		return payment.RefundOutcome{}, payment.ErrConflict
	}
	return outcome, nil
}

// refundOutcomeOf converts a refund to the shop's terms.
func refundOutcomeOf(refund *stripego.Refund) (payment.RefundOutcome, error) {
	amount, err := fromStripe(refund.Amount, refund.Currency)
	if err != nil {
		return payment.RefundOutcome{}, err
	}
	outcome := payment.RefundOutcome{Status: refundStatusOf(refund), ProviderRef: refund.ID, Amount: amount}
	switch outcome.Status {
	case payment.RefundFailed:
		outcome.FailureCode = cmp.Or(string(refund.FailureReason), string(refund.Status))
	case "":
		return payment.RefundOutcome{}, fmt.Errorf("status %q of a refund is not known", refund.Status)
	}
	return outcome, nil
}

// refundStatusOf maps the state of a refund. It returns "" for an unknown one; a refund that waits for the shopper is
// pending.
func refundStatusOf(refund *stripego.Refund) payment.RefundStatus {
	switch refund.Status {
	case stripego.RefundStatusSucceeded:
		return payment.RefundSucceeded
	case stripego.RefundStatusFailed, stripego.RefundStatusCanceled:
		return payment.RefundFailed
	case stripego.RefundStatusPending, stripego.RefundStatusRequiresAction:
		return payment.RefundPending
	}
	return ""
}
