package finance

import (
	"context"
	"fmt"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/regions"
)

// GroupInput is the customer group that an account is to be in.
type GroupInput struct {
	By
	Account regions.Ref
	// Subject is the account's public id, for the audit, which holds nothing else of it.
	Subject string
	// Group is empty for none.
	Group string
}

// SetCustomerGroup puts an account into a customer group, whose price lists and promotions are
// the customer's from their next look at a price on. It may be repeated. One round trip, to the
// account's home.
//
// Errors: *invalid.Error, ErrNotFound.
func (f *Finance) SetCustomerGroup(ctx context.Context, in GroupInput) (Change, error) {
	var faults invalid.List
	in.check(&faults)
	checkGroup(&faults, in.Group)
	if err := faults.Err("customer group"); err != nil {
		return Change{}, err
	}
	change, err := f.newChange(KindGroup, in.Subject, in.By, nil, map[string]any{"customer_group": in.Group})
	if err != nil {
		return Change{}, err
	}
	var written []Change
	err = f.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		queueGroup(b, change, in, &written)
		return nil
	})
	if err != nil {
		return Change{}, fmt.Errorf("set customer group: %w", err)
	}
	if len(written) == 0 {
		return Change{}, ErrNotFound
	}
	return written[0], nil
}

// queueGroup adds the audit's entry, with the group before, and the group, if the account is
// there and not closed.
func queueGroup(b *database.Batch, c Change, in GroupInput, written *[]Change) {
	// $1 = region, $2 = account, $3 = change, $4 = kind, $5 = subject, $6 = reason, $7 = new, $8 = by, $9 = at
	b.Queue(`
INSERT INTO price_changes (id, kind, subject, status, needs_approval, reason, old, new, requested_by, requested_at, decided_at)
SELECT $3::uuid, $4::text, $5::text, 'applied', false, $6::text, jsonb_build_object('customer_group', a.customer_group), $7::jsonb,
  $8::text, $9::timestamptz, $9::timestamptz
FROM accounts a
WHERE a.region = $1 AND a.id = $2 AND a.status <> 'closed'
ON CONFLICT (id) DO NOTHING`, in.Account.Region, in.Account.ID, c.ID, c.Kind, c.Subject, c.Reason, string(c.New), c.RequestedBy, c.RequestedAt)
	b.Queue(`
UPDATE accounts SET customer_group = $3, version = version + 1, updated_at = now()
WHERE region = $1 AND id = $2 AND status <> 'closed' AND customer_group <> $3`, in.Account.Region, in.Account.ID, in.Group)
	b.Queue(`
SELECT `+changeColumns+`
FROM price_changes
WHERE id = $1`, c.ID).Query(database.Collect(written, scanChange))
}
