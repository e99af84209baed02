package outage

import (
	"fmt"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/shopper"
)

// Verdict is the outcome of comparing what shoppers were told with the database. Every count must be zero.
type Verdict struct {
	// Told counts the orders that shoppers were told of.
	Told int `json:"orders"`
	// Oversold counts the units sold that were never there.
	Oversold int64 `json:"oversold"`
	// Lost counts the orders a shopper was told of that do not exist, or not as told.
	Lost int64 `json:"lost"`
	// Duplicated counts the orders too many of a checkout, which is made once, under one idempotency key.
	Duplicated int64 `json:"duplicated"`
	// Contradicted counts the checkouts that were refused though they made an order.
	Contradicted int64 `json:"contradicted"`
	// Findings describes each in a line.
	Findings []string `json:"findings,omitempty"`
}

func (v *Verdict) find(counter *int64, n int64, format string, args ...any) {
	*counter += n
	v.Findings = append(v.Findings, fmt.Sprintf(format, args...))
}

// judge compares what shoppers were told with the book. A cart is checked out once, so its orders are those of one key.
func judge(purchases []*shopper.Purchase, book audit.Book) Verdict {
	var v Verdict
	v.stock(book)
	ofCart := make(map[string][]string)
	for _, o := range book.Orders {
		ofCart[o.Cart] = append(ofCart[o.Cart], o.ID)
	}
	for cart, ids := range ofCart {
		if len(ids) > 1 {
			v.find(&v.Duplicated, int64(len(ids)-1), "one checkout of cart %s made the orders %v", cart, ids)
		}
	}
	for _, p := range purchases {
		v.Told += len(p.Orders)
		for _, id := range p.Orders {
			v.acknowledged(p, id, book.Orders[id])
		}
		if made := ofCart[p.Cart.ID]; p.Refused != "" && len(made) > 0 {
			v.find(&v.Contradicted, 1, "a checkout was refused with %s and made the order %v", p.Refused, made)
		}
	}
	return v
}

// stock compares what was sold with what was received.
func (v *Verdict) stock(book audit.Book) {
	sold := book.Sold()
	for _, s := range book.Stock {
		if over := max(sold[s.SKU]-s.Received, s.Short); over > 0 {
			v.find(&v.Oversold, over, "%s: %d units sold, %d received, stock short of %d", s.SKU, sold[s.SKU], s.Received, s.Short)
		}
	}
}

// acknowledged compares an order that a shopper was told of with the one that is there, nil for none.
func (v *Verdict) acknowledged(p *shopper.Purchase, id string, o *audit.Order) {
	switch {
	case o == nil:
		v.find(&v.Lost, 1, "a shopper was told of order %s, which does not exist", id)
	case o.Cart != p.Cart.ID || o.Currency != p.Order.Currency || o.TotalMinor != p.Order.TotalMinor:
		v.find(&v.Lost, 1, "order %s is not the one that its shopper was told of", id)
	case p.Paid && !o.IsPaid():
		v.find(&v.Lost, 1, "order %s was told to be paid and is %s", id, o.Status)
	}
}
