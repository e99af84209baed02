package finance

import (
	"context"
	"fmt"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing/changes"
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
		// Of an account that is not there, or closed, nothing is written.
		change.Decided(changes.Applied, "", change.RequestedAt).QueueFrom(b, `
SELECT jsonb_build_object('customer_group', a.customer_group) AS old
FROM `+account.CustomersSQL+` a
WHERE a.region = @region::text::crdb_internal_region AND a.id = @account AND a.status <> 'closed'`,
			database.Args{"region": in.Account.Region, "account": in.Account.ID})
		account.QueueSetGroup(b, in.Account, in.Group)
		changes.QueueGet(b, change.ID, &written)
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
