package sandbox

import (
	"cmp"
	"slices"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// Held is a payment as the sandbox has it in its own books.
type Held struct {
	ID      string // the shop's name of the payment
	OrderID string
	Status  payment.Status
	Amount  money.Amount
	// CapturedMinor is what was taken, in minor units of Amount's currency.
	CapturedMinor int64
	Refunds       []HeldRefund
}

// HeldRefund is a refund of a payment, in minor units of its currency.
type HeldRefund struct {
	ID     string // the shop's name of the refund
	Status payment.RefundStatus
	Minor  int64
}

// ReadBook reads what a sandbox holds from its Config.StateFile, ordered by payment. The server may be running: what
// it is writing at that moment is left out. It is for an audit that does not ask the shop what it paid.
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
