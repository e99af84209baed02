package chaos

import (
	"fmt"
	"slices"
	"sync"

	"meridian/internal/lab/client"
)

// purchase is one checkout as its shopper knows it, however often it was sent.
type purchase struct {
	cart  string
	lines []client.Line
	// orders are the ids that the shopper was told of: one, if all is well.
	orders []string
	// placed is the order as it was first told.
	placed client.Order
	// refused is the code of the refusal of a checkout that made no order: sold_out.
	refused string
	// paid, cancelled and refunded are what the shopper, or the operator, was told of the order at any time.
	paid, cancelled, refunded bool
	refundedMinor             int64
}

// ledger is what the shoppers and suppliers of a run were told: the clients' truth. It is safe for concurrent use.
type ledger struct {
	mu        sync.Mutex
	purchases []*purchase
	received  map[string]int64 // units that were acknowledged, by SKU
	calls     int              // answered calls
	repeats   int              // calls sent again for want of an answer
	strange   map[string]int   // answers that no shop in order gives, with how often
}

func newLedger() *ledger {
	return &ledger{received: make(map[string]int64), strange: make(map[string]int)}
}

func (l *ledger) open(cart string, lines []client.Line) *purchase {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &purchase{cart: cart, lines: lines}
	l.purchases = append(l.purchases, p)
	return p
}

// told records an answer about an order.
func (l *ledger) told(p *purchase, o client.Order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p.orders) == 0 {
		p.placed = o
	}
	if !slices.Contains(p.orders, o.ID) {
		p.orders = append(p.orders, o.ID)
	}
	switch o.Status {
	case "cancelled":
		p.cancelled = true
	case "refunded":
		p.paid, p.refunded = true, true
	case "paid":
		p.paid = true
	}
	p.refundedMinor = max(p.refundedMinor, o.Payment.RefundedMinor)
}

func (l *ledger) refuse(p *purchase, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.refused = code
}

func (l *ledger) receive(sku string, units int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received[sku] += units
}

func (l *ledger) answer(repeats int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	l.repeats += repeats
}

// note records an answer that should not be.
func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strange[fmt.Sprintf(format, args...)]++
}

// counts are what a run's table says of its shoppers.
func (l *ledger) counts() (attempted, acknowledged, soldOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.purchases {
		attempted++
		switch {
		case len(p.orders) > 0:
			acknowledged++
		case p.refused == codeSoldOut:
			soldOut++
		}
	}
	return attempted, acknowledged, soldOut
}
