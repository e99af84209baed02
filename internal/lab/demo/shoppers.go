package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
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

// places lists one in each region.
var places = []place{newYork, california, germany, singapore}

// guest returns somebody who shops there without an account. The edge tells the shop where.
func (t *tour) guest(at place, email string) shopper.Shopper {
	return shopper.Shopper{Client: t.from(at), Email: email, ShipTo: shopper.Address("A Shopper", at.country, at.state)}
}

// good is a SKU that is on sale everywhere, and in stock.
type good struct{ sku, product string }

// basket returns one unit of each.
func basket(goods ...good) []client.Line {
	var lines []client.Line
	for _, g := range goods {
		lines = append(lines, client.Line{SKU: g.sku, Quantity: 1})
	}
	return lines
}

// purchase is an order, and who may read it.
type purchase struct {
	*shopper.Purchase
	by    shopper.Shopper
	place place
}

const (
	// patience is how long orders may take to come where they belong. It ends only what never would: a slow machine
	// breaks no promise.
	patience = 3 * time.Minute
	// lookEvery is the pause between two looks at what is waited for.
	lookEvery = 50 * time.Millisecond
	// lookers is how many look at the same time.
	lookers = 16
)

// await reads the orders, as their buyers, until done returns true of each, and returns them as they are then: after
// patience, as they are.
func (t *tour) await(ctx context.Context, purchases []purchase, done func(i int, o client.Order) bool) ([]client.Order, error) {
	deadline := time.Now().Add(patience)
	orders := make([]client.Order, len(purchases))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, p := range purchases {
		group.Go(func() (err error) {
			orders[i], err = p.by.Await(ctx, time.Until(deadline), p.Purchase, func(o client.Order) bool { return done(i, o) })
			return err
		})
	}
	return orders, group.Wait()
}

func isPaid(_ int, o client.Order) bool { return o.Status == "paid" }

// countPaid returns how many of the orders are paid.
func countPaid(orders []client.Order) int {
	return report.Tally(orders, func(o client.Order) string { return o.Status })["paid"]
}

// plural returns a number with its noun: "1 order", "2 orders".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", report.Thousands(int64(n)), noun)
}
