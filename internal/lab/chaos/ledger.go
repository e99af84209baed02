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
	// orders holds the ids that the shopper was told of: one, if all is well.
	orders []string
	// placed is the order as it was first told.
	placed client.Order
	// refused is the code of the refusal of a checkout that made no order: sold_out.
	refused string
	// paid and cancelled are what the shopper, or the operator, was told of the order at any time.
	paid, cancelled bool
	refundedMinor   int64
}

// ledger records what the shoppers and suppliers of a run were told. It is safe for concurrent use.
type ledger struct {
	mu        sync.Mutex
	purchases []*purchase
	received  map[string]int64 // units that were acknowledged, by SKU
	calls     int              // answered calls
	repeats   int              // calls sent again for want of an answer
	strange   map[string]int   // answers that no correct shop gives, with how often
}

func newLedger() *ledger {
	return &ledger{received: make(map[string]int64), strange: make(map[string]int)}
}

// open records that a checkout of a cart begins.
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
	p.cancelled = p.cancelled || o.Status == "cancelled"
	p.paid = p.paid || o.Status == "paid" || o.Status == "refunded"
	p.refundedMinor = max(p.refundedMinor, o.Payment.RefundedMinor)
}

// refuse records that a checkout made no order, and why.
func (l *ledger) refuse(p *purchase, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.refused = code
}

// receive records a delivery that was acknowledged.
func (l *ledger) receive(sku string, units int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received[sku] += units
}

// answer records a call that was answered after so many repetitions.
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

// counts returns how many checkouts were begun, acknowledged with an order, and refused as sold out.
func (l *ledger) counts() (attempted, acknowledged, soldOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.purchases {
		switch {
		case len(p.orders) > 0:
			acknowledged++
		case p.refused == codeSoldOut:
			soldOut++
		}
	}
	return len(l.purchases), acknowledged, soldOut
}
