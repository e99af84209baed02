package order

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"meridian/internal/cart"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// quote prices a cart for its checkout: by the quote that the shopper holds, or by what is
// in force now. All of it must have a price, and every coupon must give something.
func (o *Orders) quote(ctx context.Context, quoteID string, in cart.QuoteInput) (cart.Quote, error) {
	terms, reason, err := o.terms(quoteID, in)
	if err != nil {
		return cart.Quote{}, err
	}
	in.Terms = terms
	quote, err := o.Carts.Quote(ctx, in)
	if err == nil && terms != nil {
		// A market is where the goods go, not what a shopper would like it to be.
		if home, homeless := quote.Rules.MarketOf(in.Country, terms.At); homeless != nil || home.Code != terms.Market {
			reason = "it is for another market than that of the country the goods go to"
			in.Terms = nil
			quote, err = o.Carts.Quote(ctx, in)
		}
	}
	switch {
	case err != nil:
		return cart.Quote{}, err
	case quote.Unpriced != nil:
		return cart.Quote{}, &NotForSaleError{SKUs: quote.Unpriced}
	case reason != "":
		return cart.Quote{}, &QuoteRefusedError{Reason: reason, Current: money.New(quote.TotalMinor, quote.Currency)}
	case len(quote.RefusedCoupons) > 0:
		return cart.Quote{}, &CouponRefusedError{Refused: quote.RefusedCoupons}
	}
	return quote, nil
}

// terms returns those of the quote that the checkout names, nil for none; or the reason for which
// it cannot be honoured. It fails with pricing.ErrQuoteInvalid.
func (o *Orders) terms(quoteID string, in cart.QuoteInput) (*pricing.Terms, string, error) {
	if quoteID == "" {
		return nil, "", nil
	}
	terms, err := o.Carts.Prices.ReadQuote(quoteID)
	if errors.Is(err, pricing.ErrQuoteExpired) {
		return nil, fmt.Sprintf("it expired at %s", terms.Expires.UTC().Format("2006-01-02 15:04:05 MST")), nil
	}
	if err != nil {
		return nil, "", err
	}
	goods := make([]pricing.Wanted, len(in.Cart.Lines))
	for i, line := range in.Cart.Lines {
		goods[i] = pricing.Wanted{SKU: line.SKU, Quantity: line.Quantity}
	}
	switch {
	case !bytes.Equal(terms.Goods, pricing.GoodsDigest(goods, in.Cart.Coupons)):
		return nil, "it is for other goods or coupons than the cart's", nil
	case terms.Currency != in.Cart.Currency:
		return nil, fmt.Sprintf("it is in %s, the cart in %s", terms.Currency, in.Cart.Currency), nil
	case terms.Country != in.Country || terms.State != pricing.Destination{Country: in.Country, State: in.State}.StateCode():
		return nil, "it is for another country or state than the goods go to", nil
	case terms.Group != in.Cart.Group:
		return nil, "it is for another customer group", nil
	}
	return &terms, "", nil
}
