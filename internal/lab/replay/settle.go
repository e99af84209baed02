package replay

import (
	"context"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// Outcome counts the run's orders in the end, as the shop says.
type Outcome struct {
	// Orders counts them by state.
	Orders map[string]int64 `json:"orders"`
	// Pending is how many still had something pending after the wait for that.
	Pending int64 `json:"pending"`
	// Ordered, Captured and Refunded are amounts in minor units, by currency.
	Ordered  map[string]int64 `json:"ordered_minor"`
	Captured map[string]int64 `json:"captured_minor"`
	Refunded map[string]int64 `json:"refunded_minor"`
}

// settleWait bounds the wait for all orders together.
const settleWait = 3 * time.Minute

// settle reads every order of the run until nothing of it is pending, and counts them.
func (r *replayer) settle(ctx context.Context) (Outcome, error) {
	o := Outcome{
		Orders: make(map[string]int64), Ordered: make(map[string]int64), Captured: make(map[string]int64), Refunded: make(map[string]int64),
	}
	deadline := time.Now().Add(settleWait)
	var mu sync.Mutex
	err := inParallel(ctx, r.Clients, r.state.orders, func(ctx context.Context, id string) error {
		order, err := r.await(ctx, time.Until(deadline), id, client.Order.Settled)
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

func (o *Outcome) add(order client.Order) {
	o.Orders[order.Status]++
	if !order.Settled() {
		o.Pending++
	}
	o.Ordered[order.Currency] += order.TotalMinor
	o.Captured[order.Currency] += order.Payment.CapturedMinor
	o.Refunded[order.Currency] += order.Payment.RefundedMinor
}
