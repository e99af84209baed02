package cart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/promotion"
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

// Line returns the priced line of a SKU, or nil.
func (q *Quote) Line(sku string) *pricing.Line {
	for i := range q.Lines {
		if q.Lines[i].SKU == sku {
			return &q.Lines[i]
		}
	}
	return nil
}

// QuoteInput is what a quote depends on besides the rules of prices.
type QuoteInput struct {
	Cart Cart
	// Country and State are where the goods go (see pricing.Destination). An empty Country takes
	// the cart's.
	Country, State string
	// Terms are those of an earlier quote, whose moment and market count; nil takes those of now.
	Terms *pricing.Terms
	// Used says which promotions Customer has used up; nil reads how often those of the cart's
	// coupons that have limits were used, in all and by the cart's account.
	Used     *promotion.Used
	Customer promotion.Customer
}

// Quote returns what the cart's lines and their delivery cost. Lines that are not Sellable
// or have no price are left out, so that the lines of the quote are found by SKU; a cart
// without others costs nothing and has no delivery. It fails with
// shipping.ErrNotServiceable, shipping.ErrNoRate or money.ErrOverflow. No round trip, one where
// the rules of prices have just changed, and one where a coupon has a limit and Used is nil.
func (c *Carts) Quote(ctx context.Context, in QuoteInput) (Quote, error) {
	q, err := c.quote(ctx, in)
	if err != nil {
		return Quote{}, fmt.Errorf("quote cart: %w", err)
	}
	return q, nil
}

func (c *Carts) quote(ctx context.Context, in QuoteInput) (q Quote, err error) {
	country := cmp.Or(in.Country, in.Cart.Country)
	ask := pricing.Ask{Currency: in.Cart.Currency, Group: in.Cart.Group, At: c.Prices.Moment()}
	if in.Terms != nil {
		ask.At = in.Terms.At
	}
	if q.Rules, err = c.Prices.RulesOf(ctx, in.Cart.rules, ask.At); err != nil {
		return Quote{}, err
	}
	if in.Terms != nil {
		ask.Market, err = q.Rules.Market(in.Terms.Market, ask.At)
	} else {
		ask.Market, err = q.Rules.MarketOf(country, ask.At)
	}
	if err != nil {
		return Quote{}, err
	}
	items, err := q.items(in.Cart, ask)
	if err != nil {
		return Quote{}, err
	}
	if in.Used == nil {
		in.Used, in.Customer = c.used(ctx, q.Rules, in.Cart, ask.At)
	}
	priced := pricing.QuoteInput{
		Dest: pricing.Destination{Country: country, State: in.State}, Ask: ask, Items: items,
		Coupons: in.Cart.Coupons, FirstOrder: in.Cart.FirstOrder, Used: in.Used, Customer: in.Customer,
	}
	if len(items) > 0 {
		priced.Shipping = func(subtotal int64) (minor int64, err error) {
			q.Delivery, err = c.Shipping.Rate(country, in.Cart.Currency, subtotal)
			return q.Delivery.Minor, err
		}
	}
	q.Quote, err = q.Rules.Quote(priced)
	return q, err
}

// used reads how often the promotions of the cart's coupons were used, where these have limits. What cannot be read now
// is taken for unused: a cart is shown all the same, and the checkout decides.
func (c *Carts) used(ctx context.Context, rules *pricing.Rules, cart Cart, at time.Time) (*promotion.Used, promotion.Customer) {
	var customer promotion.Customer
	if cart.Account != nil {
		customer.Account = promotion.AccountKey(*cart.Account)
	}
	limited := rules.Promotions.Limited(cart.Coupons, at)
	if limited == nil {
		return nil, customer
	}
	used := new(promotion.Used)
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		promotion.QueueUsed(b, limited, customer.Keys(), used)
		return nil
	})
	if err != nil {
		return nil, customer
	}
	return used, customer
}

// items returns the lines that can be priced, and notes those that have no price.
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
