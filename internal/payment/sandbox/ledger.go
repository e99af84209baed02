package sandbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"meridian/internal/payment"
)

// Payments implements payment.Ledger.
func (c *Client) Payments(ctx context.Context, from, until time.Time) iter.Seq2[payment.BookedPayment, error] {
	return func(yield func(payment.BookedPayment, error) bool) {
		for p, err := range list[paymentJSON](ctx, c, "/v1/payments", between(from, until), func(p paymentJSON) string { return p.Reference }) {
			booked := payment.BookedPayment{PaymentID: p.ID, CreatedAt: p.CreatedAt}
			if err == nil {
				booked.Outcome, err = p.outcome()
			}
			if err != nil {
				yield(payment.BookedPayment{}, unreadable("payments", err))
				return
			}
			if !yield(booked, nil) {
				return
			}
		}
	}
}

// Refunds implements payment.Ledger.
func (c *Client) Refunds(ctx context.Context, from, until time.Time) iter.Seq2[payment.BookedRefund, error] {
	return c.listRefunds(ctx, between(from, until))
}

// RefundsOf implements payment.Ledger.
func (c *Client) RefundsOf(ctx context.Context, asked payment.Asked) ([]payment.BookedRefund, error) {
	var all []payment.BookedRefund
	for r, err := range c.listRefunds(ctx, url.Values{"payment_id": {asked.PaymentID}}) {
		if err == nil && r.PaymentID != asked.PaymentID {
			err = fmt.Errorf("%w: it answered about another payment", payment.ErrUnavailable)
		}
		if err != nil {
			return nil, fmt.Errorf("refunds of payment %s: %w", asked.PaymentID, err)
		}
		all = append(all, r)
	}
	slices.Reverse(all)
	return all, nil
}

func (c *Client) listRefunds(ctx context.Context, query url.Values) iter.Seq2[payment.BookedRefund, error] {
	return func(yield func(payment.BookedRefund, error) bool) {
		for r, err := range list[refundJSON](ctx, c, "/v1/refunds", query, func(r refundJSON) string { return r.Reference }) {
			booked := payment.BookedRefund{PaymentID: r.PaymentID, RefundID: r.ID, CreatedAt: r.CreatedAt}
			if err == nil {
				booked.Outcome, err = r.outcome()
			}
			if err != nil {
				yield(payment.BookedRefund{}, unreadable("refunds", err))
				return
			}
			if !yield(booked, nil) {
				return
			}
		}
	}
}

// between returns the query for what was made from one instant until just before another. The sandbox counts seconds:
// what the last one holds more is passed over by the caller's own look at the time.
func between(from, until time.Time) url.Values {
	return url.Values{
		"created[gte]": {strconv.FormatInt(from.Unix(), 10)},
		"created[lt]":  {strconv.FormatInt(until.Add(time.Second-1).Unix(), 10)},
	}
}

// unreadable returns the error of a list, which is payment.ErrUnavailable unless it is one of the provider's contract.
func unreadable(what string, err error) error {
	if !errors.Is(err, payment.ErrUnavailable) && !errors.Is(err, payment.ErrUnknownPayment) {
		err = fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
	}
	return fmt.Errorf("list %s: %w", what, err)
}

// list yields the entries of a list, page by page. It yields an error last.
func list[T any](ctx context.Context, c *Client, path string, query url.Values, reference func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := maps.Clone(query)
		query.Set("limit", strconv.Itoa(maxPage))
		for {
			var page pageJSON[T]
			if err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), "", nil, &page); err != nil {
				yield(*new(T), err)
				return
			}
			for _, one := range page.Data {
				if !yield(one, nil) {
					return
				}
			}
			if !page.HasMore || len(page.Data) == 0 {
				return
			}
			query.Set("starting_after", reference(page.Data[len(page.Data)-1]))
		}
	}
}
