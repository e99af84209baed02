package order_test

import (
	"context"
	"testing"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// TestCost holds what the operations of a purchase cost: their round trips, their statements, and how many of these leave
// the region of the pod. The cart and the order live in eu-west. docs/promises.md has the numbers too.
func TestCost(t *testing.T) {
	s := newShop(t)
	for _, warehouse := range []string{"euw-1", "use-1"} {
		s.fill(t, warehouse, "A", 3)
		s.fill(t, warehouse, "B", 3)
	}
	want := map[string]map[string]database.Cost{
		"eu-west": {
			"add to a cart": {Trips: 1, Statements: 3, Away: 1}, "checkout": {Trips: 2, Statements: 15, Away: 1},
			"read": {Trips: 1, Statements: 6}, "webhook": {Trips: 1, Statements: 11}, "refund": {Trips: 2, Statements: 23},
		},
		"ap-southeast": {
			"add to a cart": {Trips: 1, Statements: 3, Away: 3}, "checkout": {Trips: 2, Statements: 15, Away: 14},
			"read": {Trips: 1, Statements: 6, Away: 6}, "webhook": {Trips: 1, Statements: 11, Away: 11},
			"refund": {Trips: 2, Statements: 23, Away: 23},
		},
	}
	for _, region := range []string{"eu-west", "ap-southeast"} {
		t.Run(region, func(t *testing.T) {
			p := s
			if region != "eu-west" {
				p = s.in(t, region)
				p.poll(t)
			}
			c := s.basket(t, units("A", 2), units("B", 1)) // at home in eu-west
			var o order.Order
			for _, step := range []struct {
				name string
				do   func(ctx context.Context)
			}{
				{"add to a cart", func(ctx context.Context) {
					c = testkit.Must(p.carts.Add(ctx, cart.ChangeInput{Cart: c.Ref}, "B", 1))(t)
				}},
				{"checkout", func(ctx context.Context) { o = testkit.Must(p.Place(ctx, p.to(c, "IE")))(t) }},
				{"read", func(ctx context.Context) { o = testkit.Must(p.Get(ctx, o.Ref))(t) }},
				{"webhook", func(ctx context.Context) { testkit.NoError(t, p.Settle(ctx, o.Ref, success(o))) }},
				{"refund", func(ctx context.Context) {
					testkit.Must(p.Refund(ctx, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{
						{LineNo: 1, Quantity: 1}, {LineNo: 2, Quantity: 1}, {LineNo: 1, Quantity: 1},
					}}))(t)
				}},
			} {
				databasetest.WantCost(t, step.name, want[region][step.name], step.do)
			}
		})
	}
	s.wantSound(t)
}
