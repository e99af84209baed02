package cart

import (
	"fmt"

	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/shipping"
)

// Quote is what the cart's lines and their delivery cost at its Country and State. Lines
// that are not Sellable or not Priced are left out, so that the lines of the quote are
// found by SKU; a cart without others costs nothing and has no delivery. It fails with
// shipping.ErrNotServiceable, shipping.ErrNoRate or money.ErrOverflow.
func (c *Carts) Quote(cart Cart) (pricing.Quote, shipping.Rate, error) {
	items, subtotal, err := cart.items()
	if err != nil {
		return pricing.Quote{}, shipping.Rate{}, fmt.Errorf("quote cart: %w", err)
	}
	var rate shipping.Rate
	if len(items) > 0 {
		if rate, err = c.Shipping.Rate(cart.Country, cart.Currency, subtotal); err != nil {
			return pricing.Quote{}, shipping.Rate{}, fmt.Errorf("quote cart: %w", err)
		}
	}
	dest := pricing.Destination{Country: cart.Country, State: cart.State}
	quote, err := c.Prices.Quote(dest, cart.Currency, items, rate.Minor)
	if err != nil {
		return pricing.Quote{}, shipping.Rate{}, fmt.Errorf("quote cart: %w", err)
	}
	return quote, rate, nil
}

// items is the lines that can be priced, and the sum of their prices.
func (c Cart) items() ([]pricing.Item, int64, error) {
	var items []pricing.Item
	subtotal := money.New(0, c.Currency)
	for _, line := range c.Lines {
		if !line.Sellable || !line.Priced {
			continue
		}
		cost, err := money.New(line.UnitPriceMinor, c.Currency).Mul(line.Quantity)
		if err != nil {
			return nil, 0, err
		}
		if subtotal, err = subtotal.Add(cost); err != nil {
			return nil, 0, err
		}
		items = append(items, pricing.Item{
			SKU:            line.SKU,
			Quantity:       line.Quantity,
			UnitPriceMinor: line.UnitPriceMinor,
			TaxCategory:    line.TaxCategory,
		})
	}
	return items, subtotal.Minor, nil
}
