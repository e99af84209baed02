package payment

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/regions"
)

// Ledger is a provider whose own books can be read: what was paid and given back there, whoever wished it. Payments
// without an id of ours, which others made on the same account, are left out. Every method may be repeated, and changes
// nothing.
type Ledger interface {
	// Payments yields the payments that the provider made from one instant until just before another, in no certain
	// order. An error is yielded last: ErrUnavailable (retry).
	Payments(ctx context.Context, from, until time.Time) iter.Seq2[BookedPayment, error]

	// Refunds yields the refunds that the provider made from one instant until just before another, of payments of any
	// age, in no certain order. An error is yielded last: ErrUnavailable (retry).
	Refunds(ctx context.Context, from, until time.Time) iter.Seq2[BookedRefund, error]

	// RefundsOf returns the refunds of a payment, the oldest first.
	//
	// Errors: ErrUnavailable (retry), ErrUnknownPayment.
	RefundsOf(ctx context.Context, asked Asked) ([]BookedRefund, error)
}

// BookedPayment is a payment in a provider's books.
type BookedPayment struct {
	PaymentID string // ours
	Outcome   Outcome
	CreatedAt time.Time
}

// BookedRefund is a refund in a provider's books.
type BookedRefund struct {
	PaymentID string // ours
	// RefundID is ours; empty for a refund that was made at the provider, such as in its dashboard.
	RefundID  string
	Outcome   RefundOutcome
	CreatedAt time.Time
}

// Said is what a provider's books say of a payment.
type Said struct {
	// Outcome has no Status where the provider does not know the payment.
	Outcome Outcome
	Refunds []BookedRefund
}

// WentBack reports whether money was taken and all of it was given back.
func (s Said) WentBack() bool {
	return s.Outcome.CapturedMinor > 0 && s.Outcome.CapturedMinor == s.given()
}

// given returns the sum of the refunds that have not failed, in minor units.
func (s Said) given() int64 {
	var sum int64
	for _, r := range s.Refunds {
		sum += r.counted()
	}
	return sum
}

// counted returns what of the refund counts as given back: all of it unless it has failed.
func (b BookedRefund) counted() int64 {
	if b.Outcome.Status == RefundFailed {
		return 0
	}
	return b.Outcome.Amount.Minor
}

// counted returns what of the refund counts as given back.
func (r Refund) counted() int64 {
	if r.State == RefundPending || r.State == RefundSucceeded {
		return r.AmountMinor
	}
	return 0
}

// AdoptedID returns the id of the row for a refund that was made at the provider: the same for everybody who hears of it.
func AdoptedID(payment uuid.UUID, providerRef string) uuid.UUID {
	return uuid.NewSHA1(payment, []byte(providerRef))
}

// Row returns which of the shop's refunds of a payment is the one in the provider's books, or nil. It is known by the
// provider's name of it; one of which no answer was heard yet, by the id that the shop sent.
func (b BookedRefund) Row(set *regions.Set, refunds []Refund) *Refund {
	i := slices.IndexFunc(refunds, func(r Refund) bool { return r.ProviderRef != "" && r.ProviderRef == b.Outcome.ProviderRef })
	if ours, err := set.ParseID(regions.RefundPrefix, b.RefundID); i < 0 && err == nil {
		i = slices.IndexFunc(refunds, func(r Refund) bool { return r.Ref == ours && r.ProviderRef == "" })
	}
	if i < 0 {
		return nil
	}
	return &refunds[i]
}
