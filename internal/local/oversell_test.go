package local

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// homes are a country of each region.
var homes = []struct{ region, country string }{
	{"us-east", "US"}, {"us-west", "MX"}, {"eu-west", "DE"}, {"ap-southeast", "SG"},
}

// buyersOf makes n buyers, evenly over the regions.
func buyersOf(n int, lines func(i int) []line, card func(i int) string) []buyer {
	buyers := make([]buyer, n)
	for i := range buyers {
		home := homes[i%len(homes)]
		buyers[i] = buyer{region: home.region, country: home.country, lines: lines(i), card: card(i)}
	}
	return buyers
}

func always(card string) func(int) string { return func(int) string { return card } }

// tally counts checkouts by what was answered.
func tally(purchases []purchase) map[string]int {
	counts := make(map[string]int)
	for _, p := range purchases {
		counts[fmt.Sprintf("%d %s", p.status, p.code)]++
	}
	return counts
}

const (
	placed  = "201 "
	soldOut = "409 sold_out"
)

func TestOversell_400BuyersFor50Units(t *testing.T) {
	shop := openShop(t, nil)
	shop.sell(t, "HOT")
	shop.receive(t, "HOT", "euw-1", 50)
	purchases := shop.race(t, buyersOf(400, func(int) []line { return []line{{"HOT", 1}} }, always("card_success")))
	if got := tally(purchases); got[placed] != 50 || got[soldOut] != 350 {
		t.Errorf("answers = %v, want 50 orders and 350 sold out", got)
	}
	if states := shop.settle(t); states["paid"] != 50 || len(states) != 1 {
		t.Errorf("orders = %v, want 50 paid", states)
	}
	for _, p := range purchases {
		if p.status != http.StatusCreated {
			continue
		}
		if status, err := p.orderStatus(t.Context()); err != nil || status != "paid" {
			t.Errorf("order %s is %q to its buyer, %v", p.order, status, err)
		}
	}
	shop.audit(t)
}

// Orders of two lines that overlap in a ring: A+B, B+C, C+D, D+A.
func TestOversell_OverlappingLines(t *testing.T) {
	shop := openShop(t, nil)
	ring := []string{"A", "B", "C", "D"}
	shop.sell(t, ring...)
	for i, sku := range ring {
		shop.receive(t, sku, []string{"use-1", "usw-1", "euw-1", "aps-1"}[i], 40)
	}
	purchases := shop.race(t, buyersOf(200, func(i int) []line {
		return []line{{ring[i/4%4], 1}, {ring[(i/4+1)%4], 1}}
	}, always("card_success")))
	got := tally(purchases)
	if got[placed]+got[soldOut] != 200 {
		t.Errorf("answers = %v, want orders and sold out only", got)
	}
	// Each order takes two of the 160 units; what is left over cannot make another.
	if got[placed] > 80 || got[placed] < 60 {
		t.Errorf("%d orders of two lines from 160 units", got[placed])
	}
	if states := shop.settle(t); states["paid"] != int64(got[placed]) {
		t.Errorf("orders = %v, want %d paid", states, got[placed])
	}
	shop.audit(t)
}

// Orders of three from warehouses that hold a few each, so that nearly all are split.
func TestOversell_SplitAllocations(t *testing.T) {
	shop := openShop(t, nil)
	shop.sell(t, "SPLIT")
	for _, warehouse := range []string{"use-1", "usw-1", "usw-2", "euw-1", "euw-2", "aps-1"} {
		shop.receive(t, "SPLIT", warehouse, 10)
	}
	purchases := shop.race(t, buyersOf(120, func(int) []line { return []line{{"SPLIT", 3}} }, always("card_success")))
	if got := tally(purchases); got[placed] != 20 || got[soldOut] != 100 {
		t.Errorf("answers = %v, want 20 orders of 3 from 60 units and 100 sold out", got)
	}
	if states := shop.settle(t); states["paid"] != 20 {
		t.Errorf("orders = %v, want 20 paid", states)
	}
	shop.audit(t)
}

// Payments that fail, never answer, answer twice, out of order, late or with a lie: every
// order ends paid or cancelled, every unit is accounted for, every late success refunded.
func TestOversell_PaymentsOfEveryKind(t *testing.T) {
	shop := openShop(t, func(c *Config) {
		c.PayWithin = 3 * time.Second
		c.CheckPaymentAfter = time.Second
	})
	shop.sell(t, "HOT")
	shop.receive(t, "HOT", "use-1", 30)
	shop.receive(t, "HOT", "aps-1", 30)
	cards := []string{
		"card_success", "card_declined", "card_declined_now", "card_success_now", "card_never", "card_duplicate:3",
		"card_reordered", "card_late:5s", "card_early", "card_error_then_success", "card_requires_action",
	}
	purchases := shop.race(t, buyersOf(220, func(int) []line { return []line{{"HOT", 1}} },
		func(i int) string { return cards[i/4%len(cards)] }))
	got := tally(purchases)
	if got[placed]+got[soldOut] != 220 || got[placed] < 60 {
		t.Errorf("answers = %v, want at least 60 orders, and sold out", got)
	}
	states := shop.settle(t)
	if states["paid"] == 0 || states["cancelled"] == 0 || states["paid"]+states["cancelled"] != int64(got[placed]) {
		t.Errorf("orders = %v, want %d, paid or cancelled", states, got[placed])
	}
	if states["paid"] > 60 {
		t.Errorf("%d orders are paid for 60 units", states["paid"])
	}
	shop.audit(t)
}
