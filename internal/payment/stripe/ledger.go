package stripe

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// pageSize is the most entries that Stripe puts into a page of a list.
const pageSize = 100

// Payments implements payment.Ledger. A payment that cannot be read, since Stripe has a state that this package does not
// know, is left out; Find tells what is wrong with it.
func (c *Client) Payments(ctx context.Context, from, until time.Time) iter.Seq2[payment.BookedPayment, error] {
	return func(yield func(payment.BookedPayment, error) bool) {
		params := &stripego.PaymentIntentListParams{CreatedRange: between(from, until)}
		intents := pages(c, &params.ListParams, func() *stripego.V1List[*stripego.PaymentIntent] {
			return c.stripe.V1PaymentIntents.List(ctx, params)
		}, func(intent *stripego.PaymentIntent) string { return intent.ID })
		for intent, err := range intents {
			if err != nil {
				yield(payment.BookedPayment{}, fmt.Errorf("list payments: %w", err))
				return
			}
			id := intent.Metadata[metaPayment]
			outcome, err := outcomeOf(intent)
			if id == "" || err != nil {
				continue
			}
			if !yield(payment.BookedPayment{PaymentID: id, Outcome: outcome, CreatedAt: time.Unix(intent.Created, 0).UTC()}, nil) {
				return
			}
		}
	}
}

// Refunds implements payment.Ledger. It leaves out what Payments does.
func (c *Client) Refunds(ctx context.Context, from, until time.Time) iter.Seq2[payment.BookedRefund, error] {
	return c.listRefunds(ctx, &stripego.RefundListParams{CreatedRange: between(from, until)})
}

// RefundsOf implements payment.Ledger.
func (c *Client) RefundsOf(ctx context.Context, asked payment.Asked) ([]payment.BookedRefund, error) {
	all, err := c.refundsInBooks(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("refunds of payment %s: %w", asked.PaymentID, err)
	}
	slices.Reverse(all)
	return all, nil
}

func (c *Client) refundsInBooks(ctx context.Context, asked payment.Asked) (all []payment.BookedRefund, err error) {
	if asked.ProviderRef == "" {
		intent, err := c.lookUp(ctx, asked)
		if err != nil {
			return nil, err
		}
		asked.ProviderRef = intent.ID
	}
	for refund, err := range c.listRefunds(ctx, &stripego.RefundListParams{PaymentIntent: new(asked.ProviderRef)}) {
		if err != nil {
			return nil, err
		}
		all = append(all, refund)
	}
	return all, nil
}

// listRefunds yields refunds of the shop's payments, which Stripe is asked to show with each.
func (c *Client) listRefunds(ctx context.Context, params *stripego.RefundListParams) iter.Seq2[payment.BookedRefund, error] {
	return func(yield func(payment.BookedRefund, error) bool) {
		params.AddExpand("data.payment_intent")
		refunds := pages(c, &params.ListParams, func() *stripego.V1List[*stripego.Refund] {
			return c.stripe.V1Refunds.List(ctx, params)
		}, func(refund *stripego.Refund) string { return refund.ID })
		for refund, err := range refunds {
			if err != nil {
				yield(payment.BookedRefund{}, fmt.Errorf("list refunds: %w", err))
				return
			}
			outcome, err := refundOutcomeOf(refund)
			if refund.PaymentIntent == nil || refund.PaymentIntent.Metadata[metaPayment] == "" || err != nil {
				continue
			}
			if !yield(payment.BookedRefund{
				PaymentID: refund.PaymentIntent.Metadata[metaPayment], RefundID: refund.Metadata[metaRefund], Outcome: outcome,
				CreatedAt: time.Unix(refund.Created, 0).UTC(),
			}, nil) {
				return
			}
		}
	}
}

// between returns the range of Stripe's whole seconds for what was made from one instant until just before another.
func between(from, until time.Time) *stripego.RangeQueryParams {
	return &stripego.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: until.Add(time.Second - 1).Unix()}
}

// pages yields the entries of a list, each page by one call through the breaker. It yields an error last.
func pages[T any](c *Client, params *stripego.ListParams, list func() *stripego.V1List[T], id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		params.Limit, params.Single = new(int64(pageSize)), true
		for {
			page, err := ask(c, func() (*stripego.V1List[T], error) {
				page := list()
				return page, page.Err()
			})
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, one := range page.Data() {
				if !yield(one, nil) {
					return
				}
			}
			if !page.Meta().HasMore || len(page.Data()) == 0 {
				return
			}
			params.StartingAfter = new(id(page.Data()[len(page.Data())-1]))
		}
	}
}
