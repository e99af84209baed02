package chaos

import (
	"fmt"
	"maps"
	"slices"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
)

// Verdict is the outcome of comparing the books of a run. Every count must be zero.
type Verdict struct {
	// Oversold counts the units sold that were never there.
	Oversold int64 `json:"oversold"`
	// Lost counts the orders a shopper was told of that do not exist, or not as told, and the deliveries that are not in stock.
	Lost int64 `json:"lost"`
	// ChargedWithoutOrder counts the payments of which the provider holds money though no order stands for it.
	ChargedWithoutOrder int64 `json:"charged_without_order"`
	// ChargedTwice counts the orders that were paid more than once or with another amount than their total, the carts
	// that became two orders, and the repeated calls that were answered with another order.
	ChargedTwice int64 `json:"charged_twice"`
	// NotCharged counts the orders that count as paid while the provider has no such money.
	NotCharged int64 `json:"not_charged"`
	// LeftOpen counts the payments for which the provider may still take money though the shop has closed them.
	LeftOpen int64 `json:"left_open"`
	// RefundedWrongly counts the payments of which more, or less, went back than the shop promised.
	RefundedWrongly int64 `json:"refunded_wrongly"`
	// Contradicted counts the checkouts that were refused to the shopper though they made an order, and the answers that
	// no correct shop gives.
	Contradicted int64 `json:"contradicted"`
	// Faults describes each finding in a line.
	Faults []string `json:"faults,omitempty"`
}

// Clean reports whether nothing was found.
func (v Verdict) Clean() bool { return len(v.Faults) == 0 }

// find adds n, which is above zero, to a counter and describes what was found.
func (v *Verdict) find(counter *int64, n int64, format string, args ...any) {
	*counter += n
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// told is what the shoppers and suppliers of a run were told.
type told struct {
	purchases []*shopper.Purchase
	received  map[string]int64 // units that were acknowledged, by SKU
	notes     map[string]int   // answers that no correct shop gives, with how often
}

// judge compares what shoppers were told, what the database has and what the provider holds.
func judge(t told, b audit.Book, provider []sandbox.Held) Verdict {
	var v Verdict
	v.stock(t, b)
	v.shoppers(t, b)
	v.money(b, provider)
	v.carts(b)
	for _, text := range slices.Sorted(maps.Keys(t.notes)) {
		v.find(&v.Contradicted, int64(t.notes[text]), "answered %s", text)
	}
	return v
}

// stock compares what was sold with what was received.
func (v *Verdict) stock(t told, b audit.Book) {
	sold := b.Sold()
	for _, s := range b.Stock {
		if over := max(sold[s.SKU]-s.Received, s.Short); over > 0 {
			v.find(&v.Oversold, over, "%s: %d units sold, %d received, stock short of %d", s.SKU, sold[s.SKU], s.Received, s.Short)
		}
		if s.Received != t.received[s.SKU] {
			v.find(&v.Lost, 1, "%s: deliveries of %d units were acknowledged, %d are in the ledger of stock",
				s.SKU, t.received[s.SKU], s.Received)
		}
	}
}

// shoppers compares what they were told with the orders.
func (v *Verdict) shoppers(t told, b audit.Book) {
	unheard := make(map[string]*audit.Order) // orders nobody was told of, by cart
	for _, o := range b.Orders {
		unheard[o.Cart] = o
	}
	for _, p := range t.purchases {
		if len(p.Orders) > 0 {
			delete(unheard, p.Cart.ID)
		}
	}
	for _, p := range t.purchases {
		if len(p.Orders) > 1 {
			v.find(&v.ChargedTwice, 1, "cart %s: repeated checkouts were answered with the orders %v", p.Cart.ID, p.Orders)
		}
		for _, id := range p.Orders {
			v.acknowledged(p, id, b.Orders[id])
		}
	}
	for cart, o := range unheard {
		v.find(&v.Contradicted, 1, "cart %s: its shopper was told of no order, but %s was made of it and is %s", cart, o.ID, o.Status)
	}
}

// acknowledged compares an order that a shopper was told of with the one that is there, nil for none.
func (v *Verdict) acknowledged(p *shopper.Purchase, id string, o *audit.Order) {
	switch {
	case o == nil:
		v.find(&v.Lost, 1, "order %s was acknowledged and does not exist", id)
	case o.Cart != p.Cart.ID || o.Currency != p.Order.Currency || o.TotalMinor != p.Order.TotalMinor || !sameLines(p.Lines, o.Lines):
		v.find(&v.Lost, 1, "order %s is not what was acknowledged: %d %s of %v, not %d %s of %v", id,
			o.TotalMinor, o.Currency, o.Lines, p.Order.TotalMinor, p.Order.Currency, p.Lines)
	case p.Cancelled && o.Status != "cancelled":
		v.find(&v.Lost, 1, "order %s was told to be cancelled and is %s", id, o.Status)
	case p.Paid && !o.IsPaid():
		v.find(&v.Lost, 1, "order %s was told to be paid and is %s", id, o.Status)
	case p.RefundedMinor > o.RefundedMinor():
		v.find(&v.RefundedWrongly, 1, "order %s: %d were told to be given back, %d are", id, p.RefundedMinor, o.RefundedMinor())
	}
}

func sameLines(wanted []client.Line, got []audit.Line) bool {
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

// money compares the provider's book with the orders.
func (v *Verdict) money(b audit.Book, provider []sandbox.Held) {
	captures := make(map[string]int) // by order
	for _, held := range provider {
		o := b.Orders[held.OrderID]
		if !held.Status.Final() && !o.AwaitsPayment() {
			v.find(&v.LeftOpen, 1, "payment %s is %s at the provider, for an order that is %s", held.ID, held.Status, statusOf(o))
		}
		if held.Status != payment.StatusSucceeded {
			continue
		}
		captures[held.OrderID]++
		switch kept := held.CapturedMinor - held.RefundedMinor(); {
		case o == nil || !o.IsPaid():
			if kept > 0 {
				v.find(&v.ChargedWithoutOrder, 1, "payment %s: %d %s are kept for an order that is %s",
					held.ID, kept, held.Amount.Currency, statusOf(o))
			}
		case held.ID != o.PaymentID || held.CapturedMinor != o.TotalMinor || string(held.Amount.Currency) != o.Currency:
			v.find(&v.ChargedTwice, 1, "payment %s took %d %s for order %s of %d %s",
				held.ID, held.CapturedMinor, held.Amount.Currency, o.ID, o.TotalMinor, o.Currency)
		}
		if o != nil {
			v.refunds(held, o)
		}
	}
	for _, o := range b.Orders {
		switch n := captures[o.ID]; {
		case n > 1:
			v.find(&v.ChargedTwice, 1, "order %s was paid %d times", o.ID, n)
		case n == 0 && (o.IsPaid() || o.CapturedMinor > 0) && o.TotalMinor > 0:
			v.find(&v.NotCharged, 1, "order %s is %s with %d captured, and the provider has none of it", o.ID, o.Status, o.CapturedMinor)
		}
	}
}

// refunds compares what went back with what the shop promised.
func (v *Verdict) refunds(held sandbox.Held, o *audit.Order) {
	sent := make(map[string]int64)
	for _, r := range held.Refunds {
		if r.Status != payment.RefundFailed {
			sent[r.ID] += r.Minor
		}
	}
	if !maps.Equal(sent, o.Refunds) {
		v.find(&v.RefundedWrongly, 1, "payment %s: the refunds %v were sent, %v promised", held.ID, sent, o.Refunds)
	}
}

func statusOf(o *audit.Order) string {
	if o == nil {
		return "not there"
	}
	return o.Status
}

// carts finds those that became more than one order.
func (v *Verdict) carts(b audit.Book) {
	orders := make(map[string][]string)
	for _, o := range b.Orders {
		orders[o.Cart] = append(orders[o.Cart], o.ID)
	}
	for cart, ids := range orders {
		if len(ids) > 1 {
			v.find(&v.ChargedTwice, 1, "cart %s became the orders %v", cart, ids)
		}
	}
}
