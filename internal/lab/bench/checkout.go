package bench

import (
	"context"

	"meridian/internal/lab/client"
)

// buyerEmail marks the orders of a run, so that they are told from others'.
const buyerEmail = "shopper@bench.example"

// checkout is one whole order of random SKUs: a guest's cart with its lines, then the
// order. Its payment settles by webhook, in the background.
func checkout(ctx context.Context, s *shopper) error { return s.buy(ctx, false) }

// hotSKU is checkout where the first line of every order is of one and the same SKU.
func hotSKU(ctx context.Context, s *shopper) error { return s.buy(ctx, true) }

func (s *shopper) buy(ctx context.Context, hot bool) error {
	cart, err := s.as("create cart").CreateCart(ctx, client.By{}, "", s.newCart(hot))
	if err != nil {
		return err
	}
	in := client.CheckoutInput{Cart: cart.ID, Email: buyerEmail, ShipTo: client.Address{
		Name: "A Shopper", Line1: "1 Long Street", City: "Town", Postcode: "12345", Country: s.market.country,
	}}
	in.Payment.Method = "card_success"
	_, err = s.as("checkout").Checkout(ctx, client.By{GuestToken: cart.GuestToken}, "", in)
	return err
}

// newCart is a cart of one unit each of the articles that are drawn.
func (s *shopper) newCart(hot bool) client.CartInput {
	in := client.CartInput{Country: s.market.country}
	for _, a := range s.shop.draw(s.rand, hot) {
		in.Lines = append(in.Lines, client.Line{SKU: a.sku, Quantity: 1})
	}
	return in
}
