package payment

import (
	"meridian/internal/money"
	"meridian/regions"
)

// DifferenceKind is a way in which a provider's books differ from the shop's.
type DifferenceKind string

// The kinds of difference.
const (
	PaymentUnknown DifferenceKind = "payment_unknown" // money was taken for a payment that the shop does not have
	RefundUnknown  DifferenceKind = "refund_unknown"  // money was given back, and the shop's refund of it is missing
	PaymentMissing DifferenceKind = "payment_missing" // the shop has it captured, and the provider has not taken it
	RefundMissing  DifferenceKind = "refund_missing"  // the shop has it given back, and the provider does not know of it
	CaptureDiffers DifferenceKind = "capture_differs" // another amount was taken than the shop has captured
	RefundDiffers  DifferenceKind = "refund_differs"  // another amount was given back than the shop has, or it failed in one book
)

// Difference is one thing in which a provider's books differ from the shop's. Amounts are minor units of Currency, which
// is the provider's.
type Difference struct {
	Kind          DifferenceKind `json:"kind"`
	RefundRef     string         `json:"refund_ref,omitempty"` // the provider's name of the refund that it is about
	RefundID      string         `json:"refund_id,omitempty"`  // ours
	Currency      money.Currency `json:"currency"`
	ProviderMinor int64          `json:"provider_minor"`
	BookMinor     int64          `json:"book_minor"`
}

// Compare returns in what a provider's books differ from the shop's about one payment. p is nil for a payment that the
// shop does not have. Money on its way is no difference: what is pending counts as given back in both books.
func Compare(set *regions.Set, p *Payment, refunds []Refund, said Said) []Difference {
	taken, given := said.Outcome.CapturedMinor, said.given()
	if p == nil {
		if taken == given { // nothing, or all of it went back
			return nil
		}
		return []Difference{{Kind: PaymentUnknown, Currency: said.Outcome.Amount.Currency, ProviderMinor: taken - given}}
	}
	if different := compareCapture(p, taken, given, said.Outcome.Amount.Currency); different != nil {
		return []Difference{*different}
	}
	if p.CapturedMinor == 0 {
		return nil
	}
	return compareRefunds(set, refunds, said)
}

// compareCapture compares what was taken for a payment.
func compareCapture(p *Payment, taken, given int64, currency money.Currency) *Difference {
	d := Difference{Kind: CaptureDiffers, Currency: currency, ProviderMinor: taken, BookMinor: p.CapturedMinor}
	switch {
	case taken == p.CapturedMinor && (taken == 0 || currency == p.Currency):
		return nil
	case p.CapturedMinor == 0 && taken == given: // all of it went back
		return nil
	case taken == 0:
		d.Kind, d.Currency = PaymentMissing, p.Currency
	}
	return &d
}

// compareRefunds compares the refunds of a payment that is captured in both books.
func compareRefunds(set *regions.Set, refunds []Refund, said Said) []Difference {
	var all []Difference
	seen := make(map[regions.Ref]bool)
	for _, b := range said.Refunds {
		row := b.Row(set, refunds)
		if row != nil {
			seen[row.Ref] = true
		}
		if d := b.differs(set, row); d != nil {
			all = append(all, *d)
		}
	}
	for _, r := range refunds {
		if !seen[r.Ref] && (r.State == RefundSucceeded || r.State == RefundPending && r.MadeAtProvider) {
			all = append(all, Difference{
				Kind: RefundMissing, RefundID: set.FormatID(regions.RefundPrefix, r.Ref), RefundRef: r.ProviderRef, Currency: r.Currency,
				BookMinor: r.AmountMinor,
			})
		}
	}
	return all
}

// differs returns in what a refund in the provider's books differs from the shop's row of it, which is nil if there is none.
func (b BookedRefund) differs(set *regions.Set, row *Refund) *Difference {
	d := Difference{
		Kind: RefundUnknown, RefundRef: b.Outcome.ProviderRef, Currency: b.Outcome.Amount.Currency, ProviderMinor: b.counted(),
	}
	if row == nil {
		if b.counted() == 0 {
			return nil
		}
		return &d
	}
	d.Kind, d.RefundID, d.BookMinor = RefundDiffers, set.FormatID(regions.RefundPrefix, row.Ref), row.counted()
	switch {
	case row.AmountMinor != b.Outcome.Amount.Minor || row.Currency != b.Outcome.Amount.Currency:
		d.ProviderMinor, d.BookMinor = b.Outcome.Amount.Minor, row.AmountMinor
		return &d
	case row.State == RefundPending && !row.MadeAtProvider: // its worker finds out
		return nil
	case b.counted() != row.counted():
		return &d
	}
	return nil
}

// Differs reports whether a refund in the provider's books is not one of the shop's refunds of its payment, or another
// than the shop has.
func (b BookedRefund) Differs(set *regions.Set, refunds []Refund) bool {
	return b.differs(set, b.Row(set, refunds)) != nil
}
