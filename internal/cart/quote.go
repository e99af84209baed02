package cart

import (
	"context"
	"errors"
	"fmt"

	"meridian/internal/pricing"
	"meridian/internal/shipping"
)

// Quote is what a cart costs.
type Quote struct {
	pricing.Quote
	// Delivery is how the goods come; zero for a cart of which nothing can be bought.
	Delivery shipping.Rate
	// Unpriced are the SKUs of lines that are sold, but have no price in the cart's currency.
	Unpriced []string
	// Rules are those that priced it.
	Rules *pricing.Rules
}

// Line is the priced line of a SKU, or nil.
func (q *Quote) Line(sku string) *pricing.Line {
	for i := range q.Lines {
		if q.Lines[i].SKU == sku {
			return &q.Lines[i]
		}
	}
	return nil
}

// Quote is what the cart's lines and their delivery cost at its Country and State: now, or,
// with terms, at the moment and in the market of an earlier quote. Lines that are not Sellable
// or have no price are left out, so that the lines of the quote are found by SKU; a cart
// without others costs nothing and has no delivery. It fails with
// shipping.ErrNotServiceable, shipping.ErrNoRate or money.ErrOverflow. No round trip, and one
// where the rules of prices have just changed.
func (c *Carts) Quote(ctx context.Context, cart Cart, terms *pricing.Terms) (Quote, error) {
	ask := pricing.Ask{Currency: cart.Currency, Group: cart.Group, At: c.Prices.Moment()}
	if terms != nil {
		ask.At = terms.At
	}
	rules, err := c.Prices.RulesOf(ctx, cart.rules, ask.At)
	if err != nil {
		return Quote{}, fmt.Errorf("quote cart: %w", err)
	}
	if terms != nil {
		ask.Market, err = rules.Market(terms.Market, ask.At)
	} else {
		ask.Market, err = rules.MarketOf(cart.Country, ask.At)
	}
	if err != nil {
		return Quote{}, fmt.Errorf("quote cart: %w", err)
	}
	q := Quote{Rules: rules}
	items, err := q.items(cart, ask)
	if err != nil {
		return Quote{}, fmt.Errorf("quote cart: %w", err)
	}
	in := pricing.QuoteInput{
		Dest: pricing.Destination{Country: cart.Country, State: cart.State}, Ask: ask, Items: items,
		Coupons: cart.Coupons, FirstOrder: cart.FirstOrder, Used: cart.Used, Customer: cart.Customer,
	}
	if len(items) > 0 {
		in.Shipping = func(subtotal int64) (minor int64, err error) {
			q.Delivery, err = c.Shipping.Rate(cart.Country, cart.Currency, subtotal)
			return q.Delivery.Minor, err
		}
	}
	if q.Quote, err = rules.Quote(in); err != nil {
		return Quote{}, fmt.Errorf("quote cart: %w", err)
	}
	return q, nil
}

// items are the lines that can be priced.
func (q *Quote) items(cart Cart, ask pricing.Ask) ([]pricing.Item, error) {
	var items []pricing.Item
	for i := range cart.Lines {
		line := &cart.Lines[i]
		if !line.Sellable {
			continue
		}
		unit, err := q.Rules.Unit(&line.Article, ask, line.Quantity)
		var none *pricing.NoPriceError
		switch {
		case errors.As(err, &none):
			q.Unpriced = append(q.Unpriced, line.SKU)
			continue
		case err != nil:
			return nil, err
		}
		items = append(items, pricing.Item{Priced: &line.Article, Quantity: line.Quantity, Unit: unit})
	}
	return items, nil
}
