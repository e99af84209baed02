package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meridian/internal/database"
	"meridian/internal/payment"
)

// BookAudit is what a provider's books and the shop's were found to hold of a time.
type BookAudit struct {
	Provider string    `json:"provider"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	// Payments and Refunds count what the provider's books hold of the shop, in all regions.
	Payments int64 `json:"payments"`
	Refunds  int64 `json:"refunds"`
	// Findings are the payments about which the books differ; those found earlier and not put right since are among them.
	Findings []BookFinding `json:"findings"`
}

// BookFinding is a payment about which the books differ, by its public id.
type BookFinding struct {
	PaymentID string `json:"payment_id"`
	Region    string `json:"region"`
	// ProviderRef is the provider's own id of something that is not what the shop knows as this payment.
	ProviderRef string               `json:"provider_ref,omitempty"`
	Differences []payment.Difference `json:"differences"`
}

const (
	// auditStep is how much of a provider's books an audit reads at once.
	auditStep = time.Hour
	// auditPause is how long after a first look a payment whose books differ is looked at again: it may have changed while it
	// was read.
	auditPause = 2 * time.Second
	// mostKnown bounds the earlier findings that an audit looks at.
	mostKnown = 10_000
)

// AuditBooks compares a provider's books of a time with the shop's, in all regions. It changes nothing. It returns
// ErrUnknownProvider for a provider that the shop does not have, or whose books cannot be read, and payment.ErrUnavailable,
// with what to do, for one that does not answer.
func (o *Orders) AuditBooks(ctx context.Context, provider string, from, until time.Time) (BookAudit, error) {
	audit := BookAudit{Provider: provider, From: from, Until: until, Findings: []BookFinding{}}
	ledger, ok := o.Providers[provider].(payment.Ledger)
	if !ok {
		return audit, ErrUnknownProvider
	}
	homes := o.Regions.Names()
	look := newListing(o, provider, ledger, homes)
	for at := from; at.Before(until); at = at.Add(auditStep) {
		if err := look.read(ctx, at, database.Earlier(at.Add(auditStep), until)); err != nil {
			return audit, toReach(provider, fmt.Errorf("read the books of %s: %w", provider, err))
		}
	}
	audit.Payments, audit.Refunds = look.payments, look.refunds
	known, err := o.found(ctx, provider, homes)
	if err != nil {
		return audit, err
	}
	findings, err := o.examine(ctx, append(look.suspects, known...))
	audit.Findings = append(audit.Findings, findings...)
	return audit, toReach(provider, err)
}

// found returns the payments about which a provider's books were found to differ before.
func (o *Orders) found(ctx context.Context, provider string, homes []string) ([]payment.Suspect, error) {
	var known []payment.Finding
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		payment.QueueFindings(b, homes, mostKnown, &known)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	var suspects []payment.Suspect
	for _, f := range known {
		if f.Provider == provider {
			suspects = append(suspects, f.Suspect)
		}
	}
	return suspects, nil
}

// toReach adds what to do to the error of a provider that does not answer.
func toReach(provider string, err error) error {
	if errors.Is(err, payment.ErrUnavailable) {
		return fmt.Errorf("%w: see that %s runs, and that its address and secrets are those of the shop's pods", err, provider)
	}
	return err
}

// examine returns those of the suspects, each once, whose books differ, and still do after a pause.
func (o *Orders) examine(ctx context.Context, suspects []payment.Suspect) ([]BookFinding, error) {
	differing, findings, err := o.differing(ctx, suspects)
	if err != nil || findings == nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(auditPause):
	}
	_, findings, err = o.differing(ctx, differing)
	return findings, err
}

// differing returns those of the suspects, each once, whose books differ now.
func (o *Orders) differing(ctx context.Context, suspects []payment.Suspect) (differing []payment.Suspect, findings []BookFinding,
	err error) {
	seen := make(map[payment.Suspect]bool)
	for _, s := range suspects {
		if seen[s] {
			continue
		}
		seen[s] = true
		c, err := o.compare(ctx, s)
		if err != nil {
			return nil, nil, fmt.Errorf("compare payment %s with %s: %w", o.PaymentID(s.Payment), s.Provider, err)
		}
		if c.differences != nil {
			differing = append(differing, s)
			findings = append(findings, BookFinding{
				PaymentID: o.PaymentID(s.Payment), Region: s.Payment.Region, ProviderRef: s.ProviderRef, Differences: c.differences,
			})
		}
	}
	return differing, findings, nil
}
