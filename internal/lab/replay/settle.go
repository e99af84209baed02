package replay

import (
	"context"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// Outcome is what the shop says of the run's orders in the end.
type Outcome struct {
	// Orders counts them by state.
	Orders map[string]int64 `json:"orders"`
	// Pending is how many had something pending for longer than settling was waited for.
	Pending int64 `json:"pending"`
	// Ordered, Captured and Refunded are amounts in minor units, by currency.
	Ordered  map[string]int64 `json:"ordered_minor"`
	Captured map[string]int64 `json:"captured_minor"`
	Refunded map[string]int64 `json:"refunded_minor"`
}

// settleWait is how long all orders together are waited for.
const settleWait = 3 * time.Minute

// settle asks for every order of the run until nothing of it is pending.
func (r *replayer) settle(ctx context.Context) (Outcome, error) {
	o := Outcome{
		Orders: make(map[string]int64), Ordered: make(map[string]int64), Captured: make(map[string]int64), Refunded: make(map[string]int64),
	}
	deadline := time.Now().Add(settleWait)
	var mu sync.Mutex
	err := inParallel(ctx, r.clients, r.state.orders, func(ctx context.Context, p placedAs) error {
		order, err := r.look(ctx, p.order)
		for err == nil && unsettled(order) && time.Now().Before(deadline) {
			if err = pause(ctx, lookEvery); err == nil {
				order, err = r.look(ctx, p.order)
			}
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		o.add(order)
		return nil
	})
	return o, err
}

// unsettled reports whether something of the order is still to come.
func unsettled(o client.Order) bool {
	if o.Status == pending || o.Payment.Status == "pending" || o.Payment.Status == "requires_action" {
		return true
	}
	for _, refund := range o.Refunds {
		if refund.Status == "pending" {
			return true
		}
	}
	return false
}

func (o *Outcome) add(order client.Order) {
	o.Orders[order.Status]++
	if unsettled(order) {
		o.Pending++
	}
	o.Ordered[order.Currency] += order.TotalMinor
	o.Captured[order.Currency] += order.Payment.CapturedMinor
	o.Refunded[order.Currency] += order.Payment.RefundedMinor
}
