package chaos

import (
	"fmt"
	"maps"
	"slices"

	"meridian/internal/lab/client"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
)

// Verdict is what the books of a run say when they are compared. All of it must be zero.
type Verdict struct {
	// Oversold is the units sold that were never there.
	Oversold int64 `json:"oversold"`
	// Lost is the orders a shopper was told of that do not exist, or not as told, and the deliveries that are not in stock.
	Lost int64 `json:"lost"`
	// ChargedWithoutOrder is the payments of which the provider holds money though no order stands for it.
	ChargedWithoutOrder int64 `json:"charged_without_order"`
	// ChargedTwice is the orders that were paid more than once or with another amount than their total, the carts
	// that became two orders, and the calls repeated that were answered with another order.
	ChargedTwice int64 `json:"charged_twice"`
	// NotCharged is the orders that count as paid while the provider has no such money.
	NotCharged int64 `json:"not_charged"`
	// LeftOpen is the payments for which the provider may still take money though the shop has closed them.
	LeftOpen int64 `json:"left_open"`
	// RefundedWrongly is the payments of which more, or less, went back than the shop promised.
	RefundedWrongly int64 `json:"refunded_wrongly"`
	// Contradicted is the checkouts that were refused to the shopper though they made an order, and the answers that no
	// shop in order gives.
	Contradicted int64 `json:"contradicted"`
	// Faults says what was found, in a line each.
	Faults []string `json:"faults,omitempty"`
}

// Clean reports whether nothing was found.
func (v Verdict) Clean() bool {
	return v.Oversold == 0 && v.Lost == 0 && v.ChargedWithoutOrder == 0 && v.ChargedTwice == 0 && v.NotCharged == 0 &&
		v.LeftOpen == 0 && v.RefundedWrongly == 0 && v.Contradicted == 0
}

func (v *Verdict) find(counter *int64, n int64, format string, args ...any) {
	*counter += n
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// judge compares the three books: what shoppers were told, what the database has, what the provider holds.
func judge(told *ledger, b book, provider []sandbox.Held) Verdict {
	told.mu.Lock()
	defer told.mu.Unlock()
	var v Verdict
	v.stock(told, b)
	v.shoppers(told, b)
	v.money(b, provider)
	v.carts(b)
	for _, text := range slices.Sorted(maps.Keys(told.strange)) {
		v.find(&v.Contradicted, int64(told.strange[text]), "answered %s", text)
	}
	return v
}

// stock holds what was sold against what was received.
func (v *Verdict) stock(told *ledger, b book) {
	sold := make(map[string]int64)
	for _, o := range b.orders {
		if o.status == "cancelled" {
			continue
		}
		for _, line := range o.lines {
			sold[line.SKU] += line.Quantity - line.refunded
		}
	}
	for _, s := range b.stock {
		if over := max(sold[s.sku]-s.received, s.short); over > 0 {
			v.find(&v.Oversold, over, "%s: %d units sold, %d received, stock short of %d", s.sku, sold[s.sku], s.received, s.short)
		}
		if s.received != told.received[s.sku] {
			v.find(&v.Lost, 1, "%s: deliveries of %d units were acknowledged, %d are in the ledger of stock", s.sku, told.received[s.sku], s.received)
		}
	}
}

// shoppers holds what they were told against the orders.
func (v *Verdict) shoppers(told *ledger, b book) {
	unheard := make(map[string]*heldOrder) // orders nobody was told of, by cart
	for _, o := range b.orders {
		unheard[o.cart] = o
	}
	for _, p := range told.purchases {
		if len(p.orders) > 0 {
			delete(unheard, p.cart)
		}
	}
	for _, p := range told.purchases {
		if len(p.orders) > 1 {
			v.find(&v.ChargedTwice, 1, "cart %s: repeated checkouts were answered with the orders %v", p.cart, p.orders)
		}
		for _, id := range p.orders {
			v.acknowledged(p, id, b.orders[id])
		}
	}
	for cart, o := range unheard {
		v.find(&v.Contradicted, 1, "cart %s: its shopper was told of no order, but %s was made of it and is %s", cart, o.id, o.status)
	}
}

// acknowledged holds an order that a shopper was told of against what is there.
func (v *Verdict) acknowledged(p *purchase, id string, o *heldOrder) {
	switch {
	case o == nil:
		v.find(&v.Lost, 1, "order %s was acknowledged and does not exist", id)
	case o.cart != p.cart || o.currency != p.placed.Currency || o.total != p.placed.TotalMinor || !sameLines(p.lines, o.lines):
		v.find(&v.Lost, 1, "order %s is not what was acknowledged: %d %s of %v, not %d %s of %v", id, o.total, o.currency, o.lines, p.placed.TotalMinor, p.placed.Currency, p.lines)
	case p.cancelled && o.status != "cancelled":
		v.find(&v.Lost, 1, "order %s was told to be cancelled and is %s", id, o.status)
	case p.paid && !o.isPaid():
		v.find(&v.Lost, 1, "order %s was told to be paid and is %s", id, o.status)
	case p.refundedMinor > o.refunded():
		v.find(&v.RefundedWrongly, 1, "order %s: %d were told to be given back, %d are", id, p.refundedMinor, o.refunded())
	}
}

func sameLines(wanted []client.Line, got []heldLine) bool {
	quantities := make(map[string]int64)
	for _, line := range wanted {
		quantities[line.SKU] += line.Quantity
	}
	for _, line := range got {
		quantities[line.SKU] -= line.Quantity
	}
	for _, rest := range quantities {
		if rest != 0 {
			return false
		}
	}
	return true
}

// money holds the provider's book against the orders.
func (v *Verdict) money(b book, provider []sandbox.Held) {
	captures := make(map[string]int) // by order
	for _, held := range provider {
		o := b.orders[held.OrderID]
		if !held.Status.Final() && !o.awaits() {
			v.find(&v.LeftOpen, 1, "payment %s is %s at the provider, for an order that is %s", held.ID, held.Status, statusOf(o))
		}
		if held.Status != payment.StatusSucceeded {
			continue
		}
		captures[held.OrderID]++
		switch kept := held.CapturedMinor - held.RefundedMinor(); {
		case o == nil || !o.isPaid():
			if kept > 0 {
				v.find(&v.ChargedWithoutOrder, 1, "payment %s: %d %s are kept for an order that is %s", held.ID, kept, held.Amount.Currency, statusOf(o))
			}
		case held.ID != o.paymentID || held.CapturedMinor != o.total || string(held.Amount.Currency) != o.currency:
			v.find(&v.ChargedTwice, 1, "payment %s took %d %s for order %s of %d %s", held.ID, held.CapturedMinor, held.Amount.Currency, o.id, o.total, o.currency)
		}
		if o != nil {
			v.refunds(held, o)
		}
	}
	for _, o := range b.orders {
		switch n := captures[o.id]; {
		case n > 1:
			v.find(&v.ChargedTwice, 1, "order %s was paid %d times", o.id, n)
		case n == 0 && (o.isPaid() || o.captured > 0) && o.total > 0:
			v.find(&v.NotCharged, 1, "order %s is %s with %d captured, and the provider has none of it", o.id, o.status, o.captured)
		}
	}
}

// refunds holds what went back against what the shop promised.
func (v *Verdict) refunds(held sandbox.Held, o *heldOrder) {
	sent := make(map[string]int64)
	for _, r := range held.Refunds {
		if r.Status != payment.RefundFailed {
			sent[r.ID] += r.Minor
		}
	}
	if !maps.Equal(sent, o.refunds) {
		v.find(&v.RefundedWrongly, 1, "payment %s: the refunds %v were sent, %v promised", held.ID, sent, o.refunds)
	}
}

func statusOf(o *heldOrder) string {
	if o == nil {
		return "not there"
	}
	return o.status
}

// carts finds those that became more than one order.
func (v *Verdict) carts(b book) {
	orders := make(map[string][]string)
	for _, o := range b.orders {
		orders[o.cart] = append(orders[o.cart], o.id)
	}
	for cart, ids := range orders {
		if len(ids) > 1 {
			v.find(&v.ChargedTwice, 1, "cart %s became the orders %v", cart, ids)
		}
	}
}
