package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
)

// place is where a shopper is.
type place struct {
	name    string
	country string
	state   string // of the United States, whose coasts have different nearest regions
	region  string // the nearest
}

var (
	newYork    = place{name: "New York", country: "US", state: "NY", region: "us-east"}
	california = place{name: "California", country: "US", state: "CA", region: "us-west"}
	germany    = place{name: "Germany", country: "DE", region: "eu-west"}
	singapore  = place{name: "Singapore", country: "SG", region: "ap-southeast"}
	// mexico is nearest to us-east, and at home in us-west.
	mexico = place{name: "Mexico", country: "MX", region: "us-east"}
)

// places are one in each region.
var places = []place{newYork, california, germany, singapore}

// good is a SKU that is on sale everywhere, and in stock.
type good struct {
	sku, product string
	prices       map[string]int64
}

// basket is one unit of each.
func basket(goods ...good) []client.Line {
	var lines []client.Line
	for _, g := range goods {
		lines = append(lines, client.Line{SKU: g.sku, Quantity: 1})
	}
	return lines
}

// purchase is an order and who may read it.
type purchase struct {
	client.Order
	by    client.By
	place place
	// secret lets the shopper confirm a payment that asks for it.
	secret string
}

// checkout orders a cart of a shopper's, a guest's with an e-mail address.
func (t *tour) checkout(ctx context.Context, shop *client.Client, at place, by client.By, cart client.Cart, card, email string) (purchase, error) {
	if by == (client.By{}) {
		by.GuestToken = cart.GuestToken
	}
	in := client.CheckoutInput{Cart: cart.ID, Email: email, ShipTo: client.Address{
		Name: "A Shopper", Line1: "1 High Street", City: "Town", State: at.state, Postcode: "12345", Country: at.country,
	}}
	in.Payment.Method = card
	placed, err := shop.Checkout(ctx, by, client.NewKey(), in)
	if placed.GuestToken != "" {
		by.GuestToken = placed.GuestToken
	}
	return purchase{Order: placed.Order, by: by, place: at, secret: placed.Payment.ClientSecret}, err
}

// buy goes through the shop as a guest: a cart, a checkout.
func (t *tour) buy(ctx context.Context, shop *client.Client, at place, card, email string, lines []client.Line) (purchase, error) {
	cart, err := shop.CreateCart(ctx, client.By{}, client.NewKey(), client.CartInput{Lines: lines})
	if err != nil {
		return purchase{}, err
	}
	return t.checkout(ctx, shop, at, client.By{}, cart, card, email)
}

const (
	// patience is how long an order may take to come where it belongs.
	patience = 20 * time.Second
	// lookEvery is how often it is looked at.
	lookEvery = 50 * time.Millisecond
	// lookers are how many look at the same time.
	lookers = 16
)

// await reads the orders, as their buyers, until done is true of each, and returns them as
// they are then: after patience, as they are.
func (t *tour) await(ctx context.Context, purchases []purchase, done func(i int, o client.Order) bool) ([]client.Order, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	orders := make([]client.Order, len(purchases))
	var group errgroup.Group
	group.SetLimit(lookers)
	for i, p := range purchases {
		group.Go(func() error {
			return poll(waiting, func() (_ bool, err error) {
				orders[i], err = t.from(p.place).GetOrder(ctx, p.by, p.ID)
				return done(i, orders[i]), err
			})
		})
	}
	err := group.Wait()
	if errors.Is(err, errOutOfPatience) && ctx.Err() == nil {
		err = nil // what they are not is for the caller to tell
	}
	return orders, err
}

var errOutOfPatience = errors.New("out of patience")

// poll looks until there is what is looked for, or something is wrong. It looks once more when
// waiting ends.
func poll(waiting context.Context, look func() (bool, error)) error {
	for {
		last := waiting.Err() != nil
		found, err := look()
		switch {
		case err != nil || found:
			return err
		case last:
			return errOutOfPatience
		}
		select {
		case <-waiting.Done():
		case <-time.After(lookEvery):
		}
	}
}

func isPaid(_ int, o client.Order) bool { return o.Status == "paid" }

// tally counts, by what key makes of each.
func tally[T any](all []T, key func(T) string) map[string]int {
	counts := make(map[string]int)
	for _, one := range all {
		counts[key(one)]++
	}
	return counts
}

// plural is a number with its noun: "1 order", "2 orders".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", thousands(int64(n)), noun)
}
