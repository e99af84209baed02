package shopper

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"meridian/internal/lab/client"
)

// Purchase is a cart on its way to an order, and what its shopper was told of it. Read its
// fields when no call of it is running.
type Purchase struct {
	// Lines were asked for, Cart is the shop's latest answer.
	Lines []client.Line
	Cart  client.Cart
	// Order is the order as it was first told; ClientSecret confirms its payment.
	Order        client.Order
	ClientSecret string
	// Orders are the identifiers that checkouts were answered with: one, if all is well.
	Orders []string
	// Refused is the code of the latest checkout that was refused for good, Unknown is set if
	// one was never answered.
	Refused string
	Unknown bool
	// Paid, Cancelled and RefundedMinor hold what any answer said of the order.
	Paid, Cancelled bool
	RefundedMinor   int64

	mu    sync.Mutex
	token string // of a guest, first for the cart and then for the order
}

// CodeSoldOut is the code of a checkout that is refused for want of units.
const CodeSoldOut = "sold_out"

// By authorises a guest to read the cart or the order.
func (p *Purchase) By() client.By {
	p.mu.Lock()
	defer p.mu.Unlock()
	return client.By{GuestToken: p.token}
}

// Told records an answer about the order.
func (p *Purchase) Told(o client.Order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.Orders) == 0 {
		p.Order = o
	}
	if !slices.Contains(p.Orders, o.ID) {
		p.Orders = append(p.Orders, o.ID)
	}
	p.Cancelled = p.Cancelled || o.Status == "cancelled"
	p.Paid = p.Paid || o.Status == "paid" || o.Status == "refunded"
	p.RefundedMinor = max(p.RefundedMinor, o.Payment.RefundedMinor)
}

// answered records the end of a checkout.
func (p *Purchase) answered(placed client.Placed, err error) {
	if err == nil {
		p.Told(placed.Order)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.ClientSecret = placed.Payment.ClientSecret
		if placed.GuestToken != "" {
			p.token = placed.GuestToken
		}
	case client.Final(err):
		p.Refused = client.CodeOf(err)
	default:
		p.Unknown = true
	}
}

// Journal collects purchases, and notes of answers that no shop in order gives. A nil Journal
// drops them. It is safe for concurrent use.
type Journal struct {
	mu        sync.Mutex
	purchases []*Purchase
	notes     map[string]int
}

func (j *Journal) add(p *Purchase) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.purchases = append(j.purchases, p)
}

// Note counts an unexpected answer.
func (j *Journal) Note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.notes == nil {
		j.notes = make(map[string]int)
	}
	j.notes[fmt.Sprintf(format, args...)]++
}

// Notes returns how often each note was made.
func (j *Journal) Notes() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.notes)
}

// Purchases returns all purchases so far, in the order in which their carts were made.
func (j *Journal) Purchases() []*Purchase {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.purchases)
}

// Outcomes counts purchases by how they ended for their shoppers.
type Outcomes struct {
	Attempted, Confirmed, SoldOut, Refused, Unknown int
}

// Count returns the outcomes of all purchases so far.
func (j *Journal) Count() Outcomes {
	var n Outcomes
	for _, p := range j.Purchases() {
		p.count(&n)
	}
	return n
}

func (p *Purchase) count(n *Outcomes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.Attempted++
	switch {
	case len(p.Orders) > 0:
		n.Confirmed++
	case p.Unknown:
		n.Unknown++
	case p.Refused == CodeSoldOut:
		n.SoldOut++
	case p.Refused != "":
		n.Refused++
	}
}
