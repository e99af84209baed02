package replay

import (
	"cmp"
	"context"
	"slices"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
)

// given records what a cancellation takes back of one order.
type given struct {
	Order string `json:"order"`
	// Whole is set if it is all of it: the customer cancels.
	Whole bool `json:"whole,omitempty"`
	// Lines are the units; Refused is set if the shop did not take them back.
	Lines   []givenLine `json:"lines"`
	Refused bool        `json:"refused,omitempty"`
}

type givenLine struct {
	No    int64 `json:"no"`
	Units int64 `json:"units"`
}

func (g given) units() int64 {
	var n int64
	for _, l := range g.Lines {
		n += l.Units
	}
	return n
}

// match finds the orders that a cancellation is about: for each SKU the customer's latest that have units left of it. It
// returns what each gives, and the units that no order has. It changes nothing.
func (c *customer) match(back []goods) (plan []given, unmatched []goods) {
	missing := make(map[string]int64, len(back))
	for _, g := range back {
		missing[g.SKU] += g.Units
	}
	for _, order := range slices.Backward(c.bought) {
		if g := order.take(missing); len(g.Lines) > 0 {
			plan = append(plan, g)
		}
	}
	for _, g := range back {
		if n := missing[g.SKU]; n > 0 {
			unmatched = append(unmatched, goods{SKU: g.SKU, Units: n})
			missing[g.SKU] = 0
		}
	}
	return plan, unmatched
}

// take returns what the order can give of what is missing, and subtracts it there.
func (b *bought) take(missing map[string]int64) given {
	g := given{Order: b.order, Whole: true}
	for i, l := range b.lines {
		units := min(missing[l.SKU], l.Units-l.returned)
		g.Whole = g.Whole && units == l.Units
		if units > 0 {
			missing[l.SKU] -= units
			g.Lines = append(g.Lines, givenLine{No: int64(i + 1), Units: units})
		}
	}
	return g
}

// countReturned counts units as returned, whether or not the shop took them.
func (c *customer) countReturned(g given) {
	for _, order := range c.bought {
		if order.order != g.Order {
			continue
		}
		for _, l := range g.Lines {
			if l.No >= 1 && l.No <= int64(len(order.lines)) {
				order.lines[l.No-1].returned += l.Units
			}
		}
	}
}

// takeReturn replays a cancellation.
func (r *replayer) takeReturn(ctx context.Context, c *customer, in invoice, d *done) error {
	if len(in.goods) == 0 {
		d.reject(string(noProducts))
		return nil
	}
	var unmatched []goods
	if c == nil {
		unmatched = in.goods
	} else {
		d.Given, unmatched = c.match(in.goods)
	}
	for _, g := range unmatched {
		d.reject(string(returnWithoutOrder))
		d.Unmatched += g.Units
	}
	for i := range d.Given {
		err := r.cancelOrRefund(ctx, c, in, d.Given[i])
		d.Given[i].Refused = err != nil
		if err := refusal(err, d); err != nil {
			return err
		}
	}
	return nil
}

// pending is the status of an order that is not paid yet.
const pending = "pending_payment"

// payWait is how long a refund waits for its order's payment. The sandbox answers in milliseconds, and a worker asks for
// a notice that was lost.
const payWait = 2 * time.Minute

// cancelOrRefund cancels an order, or refunds units of it.
func (r *replayer) cancelOrRefund(ctx context.Context, c *customer, in invoice, g given) error {
	if g.Whole {
		shop := r.from(c.account.Country)
		return c.account.Do(ctx, shop, func(by client.By) error {
			_, err := shop.CancelOrder(ctx, by, r.key("cancel", in.name, g.Order), g.Order)
			return err
		})
	}
	input := client.RefundInput{Restock: true, Reason: "returned"}
	for _, l := range g.Lines {
		input.Lines = append(input.Lines, client.RefundLine{LineNo: l.No, Quantity: l.Units})
	}
	refund := func() error {
		return r.asOperator(ctx, func(by client.By) error {
			_, err := r.client.Refund(ctx, by, r.key("refund", in.name, g.Order), g.Order, input)
			return err
		})
	}
	err := refund()
	if client.CodeOf(err) != "order_state" {
		return err
	}
	// It may only have come too early: what is not paid cannot be refunded.
	order, lookErr := r.await(ctx, payWait, g.Order, func(o client.Order) bool { return o.Status != pending })
	if lookErr != nil || order.Status == pending {
		return cmp.Or(lookErr, err)
	}
	return refund()
}

// await reads an order as the operator until done returns true of it, and returns it as it is then, or after within.
func (r *replayer) await(ctx context.Context, within time.Duration, id string, done func(client.Order) bool) (client.Order, error) {
	return shopper.Await(ctx, within, func() (order client.Order, err error) {
		err = r.asOperator(ctx, func(by client.By) (err error) {
			order, err = r.client.OperatorOrder(ctx, by, id)
			return err
		})
		return order, err
	}, done)
}
