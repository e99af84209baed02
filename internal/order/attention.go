package order

import (
	"context"
	"fmt"

	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/regions"
)

// Attention holds payments and refunds that no worker can finish.
type Attention struct {
	Payments []payment.SetAside
	Refunds  []payment.Refund // that failed
	Findings []payment.Finding
}

// Attention returns what waits for a person, of orders at home in some regions: at most limit
// payments, refunds and findings of each sort, those that wait longest first. One round trip.
func (o *Orders) Attention(ctx context.Context, homes []string, limit int) (Attention, error) {
	var found Attention
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		payment.QueueSetAsideList(b, homes, limit, &found.Payments)
		payment.QueueFailedRefunds(b, homes, limit, &found.Refunds)
		payment.QueueFindings(b, homes, limit, &found.Findings)
		return nil
	})
	if err != nil {
		return Attention{}, fmt.Errorf("list what waits for a person: %w", err)
	}
	return found, nil
}

// A PaymentView holds a payment as the shop has it, and as its provider tells it now.
type PaymentView struct {
	payment.Payment
	Said payment.Outcome
	// SaidErr is set instead of Said if the provider does not know the payment, or did not answer.
	SaidErr error
}

// ViewPayment reads a payment and asks its provider about it. It changes nothing. It returns
// ErrNotFound if the shop has no such payment. One round trip.
func (o *Orders) ViewPayment(ctx context.Context, ref regions.Ref) (PaymentView, error) {
	var view PaymentView
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		payment.QueueGet(b, ref, &view.Payment)
		return nil
	})
	if err != nil {
		return PaymentView{}, fmt.Errorf("read payment: %w", err)
	}
	if view.Ref != ref {
		return PaymentView{}, ErrNotFound
	}
	provider, ok := o.Providers[view.Provider]
	if !ok {
		view.SaidErr = ErrUnknownProvider
		return view, nil
	}
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	view.Said, view.SaidErr = provider.Find(asking, o.asked(view.Payment))
	return view, nil
}

// CheckPayment has a worker ask the provider about an open payment at once, also about one that
// was set aside, and compare one that is decided with the provider's books: for somebody who has put
// it right at the provider. It returns ErrNotFound if the shop has no payment of that id, and nothing
// was found about one. It may be repeated. One round trip.
func (o *Orders) CheckPayment(ctx context.Context, ref regions.Ref) error {
	var found int64
	err := o.DB.Write(ctx, func(b *database.Batch) error {
		found = 0
		payment.QueueCheckAgain(b, ref, &found)
		payment.QueueCompareAgain(b, ref, &found)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("check payment: %w", err)
	case found == 0:
		return ErrNotFound
	}
	return nil
}
