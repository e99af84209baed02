package order

import (
	"context"
	"time"

	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/regions"
)

// A listing compares what a provider's books hold of a time with the shop's, many payments at once, and finds those that
// may differ: the suspects.
type listing struct {
	orders   *Orders
	name     string
	ledger   payment.Ledger
	homes    map[string]bool
	suspects []payment.Suspect
	// payments and refunds count what was read in the provider's books of payments at home in homes.
	payments, refunds int64
}

func newListing(o *Orders, name string, ledger payment.Ledger, homes []string) *listing {
	l := &listing{orders: o, name: name, ledger: ledger, homes: make(map[string]bool)}
	for _, home := range homes {
		l.homes[home] = true
	}
	return l
}

// page is how many entries of a provider's books are compared at once.
const page = 100

// startsWithin is how long after its order was placed a payment is usually made at its provider. One that comes later is
// looked at alone.
const startsWithin = 10 * time.Minute

// read compares what was paid and given back from one instant until just before another.
func (l *listing) read(ctx context.Context, from, until time.Time) error {
	paid, err := l.readPayments(ctx, from, until)
	if err != nil {
		return err
	}
	given, err := l.readRefunds(ctx, from, until)
	if err != nil {
		return err
	}
	for home := range l.homes {
		if err := l.readShop(ctx, home, from, until, paid, given); err != nil {
			return err
		}
	}
	return nil
}

// readShop finds what the shop has captured and given back in a region and the provider's books do not hold.
func (l *listing) readShop(ctx context.Context, home string, from, until time.Time, paid map[regions.Ref]bool,
	given map[string]bool) error {
	var captured []regions.Ref
	var back []payment.GivenBack
	err := l.orders.DB.Read(ctx, func(b *database.Batch) error {
		queueCaptured(b, home, l.name, from, until, &captured)
		payment.QueueGivenBack(b, home, l.name, from, until, &back)
		return nil
	})
	if err != nil {
		return err
	}
	for _, ref := range captured {
		if !paid[ref] {
			l.suspect(ref, "")
		}
	}
	for _, g := range back {
		if !given[g.ProviderRef] {
			l.suspect(g.Payment, "")
		}
	}
	return nil
}

func (l *listing) suspect(ref regions.Ref, providerRef string) {
	l.suspects = append(l.suspects, payment.Suspect{Payment: ref, Provider: l.name, ProviderRef: providerRef})
}

// home parses our id of a payment in the provider's books; false for one that is not of the homes.
func (l *listing) home(id string) (regions.Ref, bool) {
	ref, err := l.orders.Regions.ParseID(regions.PaymentPrefix, id)
	return ref, err == nil && l.homes[ref.Region]
}

// booked is a payment in the provider's books.
type booked struct {
	ref     regions.Ref
	outcome payment.Outcome
}

// readPayments compares the payments and returns which were seen.
func (l *listing) readPayments(ctx context.Context, from, until time.Time) (map[regions.Ref]bool, error) {
	seen := make(map[regions.Ref]bool)
	var some []booked
	for p, err := range l.ledger.Payments(ctx, from, until.Add(startsWithin)) {
		if err != nil {
			return nil, err
		}
		ref, ours := l.home(p.PaymentID)
		if !ours {
			continue
		}
		seen[ref] = true
		if !p.CreatedAt.Before(until) {
			continue
		}
		l.payments++
		if some = append(some, booked{ref, p.Outcome.Storable()}); len(some) == page {
			if err := l.comparePayments(ctx, some); err != nil {
				return nil, err
			}
			some = nil
		}
	}
	return seen, l.comparePayments(ctx, some)
}

func (l *listing) comparePayments(ctx context.Context, some []booked) error {
	if len(some) == 0 {
		return nil
	}
	refs := make([]regions.Ref, len(some))
	for i, b := range some {
		refs[i] = b.ref
	}
	standings, err := l.standings(ctx, refs)
	if err != nil {
		return err
	}
	for _, b := range some {
		l.comparePayment(b, standings[b.ref])
	}
	return nil
}

// comparePayment compares a payment with how it stands in the shop, which is the zero Standing where it does not.
func (l *listing) comparePayment(b booked, s payment.Standing) {
	switch {
	case s.Provider == l.name && (s.ProviderRef == "" || s.ProviderRef == b.outcome.ProviderRef):
		if s.CapturedMinor != b.outcome.CapturedMinor || s.CapturedMinor > 0 && s.Currency != b.outcome.Amount.Currency {
			l.suspect(b.ref, "")
		}
	case b.outcome.CapturedMinor > 0: // not what the shop knows as this payment
		l.suspect(b.ref, b.outcome.ProviderRef)
	}
}

// readRefunds compares the refunds and returns which were seen, by the provider's names.
func (l *listing) readRefunds(ctx context.Context, from, until time.Time) (map[string]bool, error) {
	seen := make(map[string]bool)
	var some []payment.BookedRefund
	for r, err := range l.ledger.Refunds(ctx, from, until.Add(startsWithin)) {
		if err != nil {
			return nil, err
		}
		if _, ours := l.home(r.PaymentID); !ours {
			continue
		}
		seen[r.Outcome.ProviderRef] = true
		if !r.CreatedAt.Before(until) {
			continue
		}
		l.refunds++
		if some = append(some, r); len(some) == page {
			if err := l.compareRefunds(ctx, some); err != nil {
				return nil, err
			}
			some = nil
		}
	}
	return seen, l.compareRefunds(ctx, some)
}

func (l *listing) compareRefunds(ctx context.Context, some []payment.BookedRefund) error {
	if len(some) == 0 {
		return nil
	}
	refs := make([]regions.Ref, len(some))
	for i, r := range some {
		refs[i], _ = l.home(r.PaymentID)
	}
	ofPayment, err := l.refundsOf(ctx, refs)
	if err != nil {
		return err
	}
	for i, r := range some {
		if r.Differs(l.orders.Regions, ofPayment[refs[i]]) {
			l.suspect(refs[i], "")
		}
	}
	return nil
}

// refundsOf reads the shop's refunds of some payments.
func (l *listing) refundsOf(ctx context.Context, payments []regions.Ref) (map[regions.Ref][]payment.Refund, error) {
	var found []payment.Refund
	err := l.orders.DB.Read(ctx, func(b *database.Batch) error {
		payment.QueueRefundsOf(b, payments, &found)
		return nil
	})
	ofPayment := make(map[regions.Ref][]payment.Refund)
	for _, r := range found {
		of := regions.Ref{Region: r.Ref.Region, ID: r.PaymentID}
		ofPayment[of] = append(ofPayment[of], r)
	}
	return ofPayment, err
}

// standings reads how payments stand in the shop.
func (l *listing) standings(ctx context.Context, payments []regions.Ref) (map[regions.Ref]payment.Standing, error) {
	var found []payment.Standing
	err := l.orders.DB.Read(ctx, func(b *database.Batch) error {
		payment.QueueStandings(b, payments, &found)
		return nil
	})
	standings := make(map[regions.Ref]payment.Standing, len(found))
	for _, s := range found {
		standings[s.Ref] = s
	}
	return standings, err
}
