package order

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/regions"
)

// The books of providers and the shop's are compared in two steps. Payments that may differ are nominated: by a notice of
// a refund that the shop did not ask for, by a refund that failed, by an operator, and every night by reading the
// provider's books of the last days (ReconcileOnce). Then each is looked at alone (CompareOnce): what the provider has and
// the shop has not heard of is booked, as its notice would be; what still differs is left to a person. The provider is
// always asked outside any transaction.

const (
	// reconcileDays is how far back a nightly reconciliation reads the provider's books. Days that were missed are read too,
	// up to a month.
	reconcileDays    = 3 * 24 * time.Hour
	reconcileAtMost  = 30 * 24 * time.Hour
	reconcileMargin  = 10 * time.Minute // what is younger may be on its way
	reconcileStep    = 15 * time.Minute // of the provider's books, in one pass
	nightBegins      = 2 * time.Hour    // after midnight by the sun
	nightLasts       = 3 * time.Hour
	reconcileTimeout = 90 * time.Second // of a step: shorter than a worker's pass
)

// comparison is a payment in a provider's books and in the shop's.
type comparison struct {
	order       *Order // nil if the shop does not have the payment
	said        payment.Said
	differences []payment.Difference
}

// compare reads a payment in the shop's books and then in its provider's, and changes nothing.
func (o *Orders) compare(ctx context.Context, s payment.Suspect) (comparison, error) {
	var c comparison
	provider, ok := o.Providers[s.Provider]
	if !ok {
		return c, ErrUnknownProvider
	}
	ledger, ok := provider.(payment.Ledger)
	if !ok { // it has no books to compare with
		return c, nil
	}
	order, err := o.Get(ctx, s.Payment)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return c, err
	}
	asked := payment.Asked{PaymentID: o.PaymentID(s.Payment), OrderID: o.PublicID(s.Payment), ProviderRef: s.ProviderRef}
	var p *payment.Payment
	var refunds []payment.Refund
	if err == nil && order.Payment.Provider == s.Provider && s.ProviderRef == "" {
		c.order, p, refunds = &order, &order.Payment, order.Refunds
		asked.ProviderRef, asked.PlacedAt = p.ProviderRef, p.CreatedAt
	}
	if c.said, err = o.readBooks(ctx, s.Provider, ledger, asked); err != nil {
		return c, err
	}
	c.differences = payment.Compare(o.Regions, p, refunds, c.said)
	return c, nil
}

// unsettled reports whether a refund has ended at the provider and is pending in the shop.
func (c comparison) unsettled(set *regions.Set) bool {
	return slices.ContainsFunc(c.said.Refunds, func(b payment.BookedRefund) bool {
		row := b.Row(set, c.order.Refunds)
		return row != nil && row.State == payment.RefundPending && b.Outcome.Status != payment.RefundPending
	})
}

// readBooks asks a provider for all that its books say of a payment. One that it does not know has no Status.
func (o *Orders) readBooks(ctx context.Context, name string, ledger payment.Ledger, asked payment.Asked) (said payment.Said, err error) {
	asking, cancel := context.WithTimeout(ctx, o.ProviderTimeout)
	defer cancel()
	if said.Outcome, err = o.Providers[name].Find(asking, asked); errors.Is(err, payment.ErrUnknownPayment) {
		return payment.Said{}, nil
	}
	if err != nil {
		return said, err
	}
	said.Outcome = said.Outcome.Storable()
	if said.Outcome.CapturedMinor == 0 {
		return said, nil
	}
	asked.ProviderRef = said.Outcome.ProviderRef
	said.Refunds, err = ledger.RefundsOf(asking, asked)
	return said, err
}

// book writes what a provider's books say of a payment and the shop has not heard of. What cannot be written stays a
// difference.
func (o *Orders) book(ctx context.Context, ref regions.Ref, c comparison) error {
	if c.said.Outcome.Status == payment.StatusSucceeded && c.order.Payment.State != payment.Captured {
		if err := o.conclude(ctx, ref, c.said.Outcome); err != nil {
			return err
		}
	}
	for _, made := range c.said.Refunds {
		if err := o.bookRefund(ctx, ref, made); err != nil && !errors.As(err, new(*RefundTooLargeError)) {
			return err
		}
	}
	return nil
}

// CompareOnce looks at the region's payments that were nominated, or whose books differed before, books what their
// providers have and the shop has not heard of, and records what still differs: a worker's pass. It returns how many it
// looked at.
func (o *Orders) CompareOnce(ctx context.Context) (int, error) {
	return o.compareDue(ctx, o.DB.Own())
}

func (o *Orders) compareDue(ctx context.Context, of database.Reach) (int, error) {
	due, err := payment.ClaimChecks(ctx, o.DB, of, batchSize)
	return each(ctx, due, err, func(d payment.DueCheck) string {
		return "compare payment " + o.PaymentID(d.Payment) + " with " + d.Provider
	},
		o.reconcile)
}

// reconcile compares a payment, books what the provider has, and records what still differs.
func (o *Orders) reconcile(ctx context.Context, due payment.DueCheck) error {
	c, err := o.compare(ctx, due.Suspect)
	if err == nil && c.order != nil && (c.differences != nil || c.unsettled(o.Regions)) {
		if err = o.book(ctx, due.Payment, c); err == nil {
			c, err = o.compare(ctx, due.Suspect)
		}
	}
	if err != nil {
		return err
	}
	if err := payment.RecordCheck(ctx, o.DB, due, c.differences); err != nil {
		return fmt.Errorf("record what differs: %w", err)
	}
	return nil
}

// ReconcileOnce makes the next step of the region's nightly reconciliation with one of its providers, if one is due: it
// reads a quarter of an hour of the provider's books, and nominates the payments that may differ. It returns how many steps
// it made, one or none; the next is due at once until the run is through.
func (o *Orders) ReconcileOnce(ctx context.Context) (int, error) {
	var listed []payment.Reconciliation
	for name, provider := range o.Providers {
		if _, ok := provider.(payment.Ledger); ok {
			listed = append(listed, payment.Reconciliation{
				Region: o.DB.Region(), Provider: name, ReconciledTo: o.Now(), RunTo: o.Now(), NextAt: o.nextNight(),
			})
		}
	}
	due, err := payment.ClaimReconciliation(ctx, o.DB, o.Now(), listed)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	before := due[0]
	ledger, ok := o.Providers[before.Provider].(payment.Ledger)
	if !ok {
		return 0, nil // it was taken out of the configuration
	}
	if err := o.step(ctx, ledger, before); err != nil {
		return 0, fmt.Errorf("reconcile with %s: %w", before.Provider, err)
	}
	return 1, nil
}

// step makes a step of a reconciliation and records it with the payments to be compared.
func (o *Orders) step(ctx context.Context, ledger payment.Ledger, before payment.Reconciliation) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	from, after, through := o.planStep(before)
	look := newListing(o, before.Provider, ledger, []string{before.Region})
	if err := look.read(ctx, from, after.ReconciledTo); err != nil {
		return err
	}
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		payment.QueueNominate(b, look.suspects...)
		if through {
			payment.QueuePendingThere(b, before.Region, before.Provider)
		}
		payment.QueueReconciled(b, before, after)
		return nil
	})
}

// planStep returns from when the next step reads, how the reconciliation stands after it, and whether its run is through then.
func (o *Orders) planStep(before payment.Reconciliation) (from time.Time, after payment.Reconciliation, through bool) {
	now := o.Now()
	from, after = before.ReconciledTo, before
	if !from.Before(before.RunTo) { // a new run
		after.RunTo = now.Add(-reconcileMargin)
		from = database.Later(database.Earlier(from, now.Add(-reconcileDays)), now.Add(-reconcileAtMost))
	}
	after.ReconciledTo, after.NextAt = database.Earlier(from.Add(reconcileStep), after.RunTo), now
	if through = !after.ReconciledTo.Before(after.RunTo); through {
		after.NextAt = o.nextNight()
	}
	return from, after, through
}

// nextNight returns an instant of the region's next night, by the sun: a different one each time, so that not all regions
// and shops read a provider's books at once.
func (o *Orders) nextNight() time.Time {
	home, _ := o.Regions.Get(o.DB.Region())
	ahead := time.Duration(home.Longitude / 15 * float64(time.Hour))
	local := o.Now().UTC().Add(ahead)
	night := local.Truncate(24 * time.Hour).Add(nightBegins)
	if !night.After(local) {
		night = night.Add(24 * time.Hour)
	}
	return night.Add(rand.N(nightLasts) - ahead)
}

// paidStates are the states of orders whose money may have been captured.
var paidStates = words(slices.DeleteFunc(slices.Clone(Statuses), func(s Status) bool { return s == PendingPayment }))

// queueCaptured adds to a batch the reading of the payments, of orders placed in a region from one instant until just
// before another, that a provider has captured.
func queueCaptured(b *database.Batch, region, provider string, from, until time.Time, into *[]regions.Ref) {
	b.Queue(`
SELECT p.region, p.id
FROM orders o
JOIN `+payment.PaymentsSQL+` p ON p.region = o.region AND p.id = o.id
WHERE o.region = $1 AND o.status = ANY($2::text[]) AND o.placed_at >= $3 AND o.placed_at < $4
  AND p.provider = $5 AND p.status = 'captured' AND p.captured_minor > 0`, region, paidStates, from, until, provider).Query(
		database.Collect(into, pgx.RowToStructByPos[regions.Ref]))
}
