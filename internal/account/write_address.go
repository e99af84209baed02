package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/regions"
)

// AddAddressInput is a new address of an account.
type AddAddressInput struct {
	Account regions.Ref
	Address AddressFields
	// Idempotency lets the call be repeated; only Key and Fingerprint are read.
	Idempotency idempotency.Key
}

// AddAddress gives the account another address: one round trip. A repetition of the call with the same key returns the
// address as it is now, which costs three.
//
// Errors: *invalid.Error, ErrTooManyAddresses, ErrNotFound (the account is closed), idempotency.ErrReused, and
// ErrNoAddress when a repetition finds it deleted.
func (a *Accounts) AddAddress(ctx context.Context, in AddAddressInput) (Address, error) {
	if err := in.Address.Normalize(a.regions); err != nil {
		return Address{}, err
	}
	ref := regions.Ref{Region: in.Account.Region, ID: uuid.New()}
	claim := in.Idempotency
	claim.Region, claim.Scope = in.Account.Region, a.regions.FormatID(regions.AccountPrefix, in.Account)
	var added Address
	write := a.db.Write
	if claim.Key != "" {
		write = a.db.WriteIdempotent
	}
	err := write(ctx, func(b *database.Batch) error {
		claim.QueueClaim(b, idempotency.Answer{Resource: a.regions.FormatID(regions.AddressPrefix, ref), Status: statusCreated})
		queueInsertAddress(b, in.Account, ref, in.Address).Query(readAddress(&added))
		queueOneDefault(b, in.Account, ref)
		return nil
	})
	switch {
	case idempotency.Taken(err):
		return a.addedBefore(ctx, in.Account, claim)
	case database.Violates(err, "addresses_account_fkey"):
		return Address{}, a.whyNoMore(ctx, in.Account)
	case err != nil:
		return Address{}, fmt.Errorf("add address: %w", err)
	}
	return added, nil
}

// queueInsertAddress inserts the address. Where the account is not active or has MaxAddresses, the row is sent to an
// account that does not exist, and the foreign key refuses the whole batch.
func queueInsertAddress(b *database.Batch, account, ref regions.Ref, f AddressFields) *pgx.QueuedQuery {
	// $1 = region, $2 = account, $3 = most addresses, $4 = id, $5 to $13 = the fields, $14 = default
	return b.Queue(`
INSERT INTO addresses (region, id, account_id, label, name, line1, line2, city, state, postcode, country, phone, is_default)
SELECT $1::text::crdb_internal_region, $4::uuid,
  CASE WHEN has.active AND has.n < $3::int8 THEN $2::uuid ELSE '00000000-0000-0000-0000-000000000000'::uuid END,
  $5::text, $6::text, $7::text, $8::text, $9::text, $10::text, $11::text, $12::text, $13::text, $14::bool OR has.n = 0
FROM (
  SELECT
    (SELECT count(*) FROM addresses WHERE region = $1::text::crdb_internal_region AND account_id = $2::uuid) AS n,
    EXISTS (SELECT 1 FROM accounts WHERE region = $1::text::crdb_internal_region AND id = $2::uuid AND status = 'active') AS active
) AS has
RETURNING `+addressColumns,
		account.Region, account.ID, MaxAddresses, ref.ID, f.Label, f.Name, f.Line1, f.Line2, f.City, f.State, f.Postcode,
		f.Country, f.Phone, f.Default)
}

// queueOneDefault clears the default mark of every other address if this one has it.
func queueOneDefault(b *database.Batch, account, ref regions.Ref) {
	b.Queue(`
UPDATE addresses SET is_default = false
WHERE region = $1 AND account_id = $2 AND id <> $3 AND is_default
  AND EXISTS (SELECT 1 FROM addresses n WHERE n.region = $1 AND n.id = $3 AND n.account_id = $2 AND n.is_default)`,
		account.Region, account.ID, ref.ID)
}

// readAddress reads the one address of a statement, if it has one.
func readAddress(into *Address) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanAddress)
		*into = Address{}
		if err == nil && len(found) == 1 {
			*into = found[0]
		}
		return err
	}
}

// addedBefore answers a repetition with the address as it is now.
func (a *Accounts) addedBefore(ctx context.Context, account regions.Ref, claim idempotency.Key) (Address, error) {
	var replay *idempotency.Replay
	if err := idempotency.Find(ctx, a.db, claim); !errors.As(err, &replay) {
		return Address{}, err
	}
	ref, err := a.regions.ParseID(regions.AddressPrefix, replay.Answer.Resource)
	if err != nil {
		return Address{}, fmt.Errorf("read the answer of an idempotency key: %w", err)
	}
	return a.GetAddress(ctx, account, ref)
}

// whyNoMore returns ErrNotFound for a closed account and ErrTooManyAddresses for a full one.
func (a *Accounts) whyNoMore(ctx context.Context, ref regions.Ref) error {
	account, err := a.Get(ctx, ref)
	switch {
	case err != nil:
		return err
	case account.Status != StatusActive:
		return ErrNotFound
	}
	return ErrTooManyAddresses
}

// ReplaceAddress rewrites an address of the account. It may be repeated. One round trip.
//
// Errors: *invalid.Error, ErrNoAddress.
func (a *Accounts) ReplaceAddress(ctx context.Context, account, address regions.Ref, f AddressFields) (Address, error) {
	if address.Region != account.Region {
		return Address{}, ErrNoAddress
	}
	if err := f.Normalize(a.regions); err != nil {
		return Address{}, err
	}
	var replaced Address
	err := a.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = id, $3 = account, $4 to $12 = the fields, $13 = default
		b.Queue(`
UPDATE addresses SET
  label = $4, name = $5, line1 = $6, line2 = $7, city = $8, state = $9, postcode = $10, country = $11, phone = $12,
  is_default = $13, updated_at = now()
WHERE region = $1 AND id = $2 AND account_id = $3
RETURNING `+addressColumns,
			account.Region, address.ID, account.ID, f.Label, f.Name, f.Line1, f.Line2, f.City, f.State, f.Postcode,
			f.Country, f.Phone, f.Default).Query(readAddress(&replaced))
		queueOneDefault(b, account, address)
		return nil
	})
	switch {
	case err != nil:
		return Address{}, fmt.Errorf("replace address: %w", err)
	case replaced.Ref.ID == uuid.Nil:
		return Address{}, ErrNoAddress
	}
	return replaced, nil
}
