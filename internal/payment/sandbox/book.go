package sandbox

import (
	"cmp"
	"slices"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// Held describes a payment as the sandbox holds it in its own books.
type Held struct {
	ID      string // the shop's name of the payment
	OrderID string
	Status  payment.Status
	Amount  money.Amount
	// CapturedMinor is what was taken, in minor units of Amount's currency.
	CapturedMinor int64
	Refunds       []HeldRefund
}

// HeldRefund describes a refund of a payment, in minor units of its currency.
type HeldRefund struct {
	ID     string // the shop's name of the refund
	Status payment.RefundStatus
	Minor  int64
}

// ReadBook returns what a sandbox holds, read from its Config.StateFile and ordered by payment. The server may be
// running: a record that it is writing is left out. Audits use it to know what was paid without asking the shop.
func ReadBook(stateFile string) ([]Held, error) {
	m := newMemory()
	if err := (&journal{path: stateFile}).load(m); err != nil {
		return nil, err
	}
	book := make([]Held, 0, len(m.payments))
	for _, p := range m.payments {
		book = append(book, p.held())
	}
	slices.SortFunc(book, func(a, b Held) int { return cmp.Compare(a.ID, b.ID) })
	return book, nil
}

// held returns the payment as ReadBook shows it.
func (p *paymentState) held() Held {
	h := Held{
		ID: p.ID, OrderID: p.OrderID, Status: p.Status, CapturedMinor: p.Captured,
		Amount: money.Amount{Minor: p.Amount.Minor, Currency: money.Currency(p.Amount.Currency)},
	}
	for _, r := range p.Refunds {
		h.Refunds = append(h.Refunds, HeldRefund{ID: r.ID, Status: r.Status, Minor: r.Minor})
	}
	return h
}

// RefundedMinor returns the sum of the refunds that have not failed.
func (h Held) RefundedMinor() int64 {
	var sum int64
	for _, r := range h.Refunds {
		if r.Status != payment.RefundFailed {
			sum += r.Minor
		}
	}
	return sum
}
