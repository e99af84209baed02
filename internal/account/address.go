package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/regions"
)

// MaxAddresses is how many addresses an account may have.
const MaxAddresses = 20

// An Address is where things are sent to.
type Address struct {
	// Ref is the address's key, in the region of its account.
	Ref regions.Ref
	AddressFields
	CreatedAt time.Time
	UpdatedAt time.Time
}

// AddressFields are what a customer writes.
type AddressFields struct {
	// Label is what the customer calls it: "home". It may be empty, as may Line2, State, Postcode and Phone.
	Label string
	// Name is whom things are addressed to.
	Name     string
	Line1    string
	Line2    string
	City     string
	State    string
	Postcode string
	// Country is an ISO 3166-1 alpha-2 code.
	Country string
	Phone   string
	// Default marks the address that is proposed first. An account has one at most; setting one takes it from the
	// other. The first address of an account is it in any case.
	Default bool
}

// Normalize takes the spaces around the fields off and returns *invalid.Error with everything that is wrong.
func (f *AddressFields) Normalize(set *regions.Set) error {
	var faults invalid.List
	f.Label = faults.Line("label", f.Label, 0, 40)
	f.Name = faults.Line("name", f.Name, 1, maxNameLength)
	f.Line1 = faults.Line("line1", f.Line1, 1, 200)
	f.Line2 = faults.Line("line2", f.Line2, 0, 200)
	f.City = faults.Line("city", f.City, 1, 100)
	f.State = faults.Line("state", f.State, 0, 100)
	f.Postcode = faults.Line("postcode", f.Postcode, 0, 20)
	f.Phone = faults.Line("phone", f.Phone, 0, 32)
	if strings.Trim(f.Phone, "+0123456789 ()-./") != "" {
		faults.Add("phone", "must be a telephone number such as +353 1 234 5678")
	}
	if _, ok := set.HomeOf(f.Country); !ok {
		faults.Add("country", "must be an ISO 3166-1 alpha-2 code such as IE")
	}
	return faults.Err("address")
}

// addressColumns are what scanAddress reads.
const addressColumns = `region::text, id, label, name, line1, line2, city, state, postcode, country, phone, is_default,
  created_at, updated_at`

func scanAddress(row pgx.CollectableRow) (Address, error) {
	var a Address
	err := row.Scan(&a.Ref.Region, &a.Ref.ID, &a.Label, &a.Name, &a.Line1, &a.Line2, &a.City, &a.State, &a.Postcode,
		&a.Country, &a.Phone, &a.Default, &a.CreatedAt, &a.UpdatedAt)
	return a, err
}

// ListAddresses returns the account's addresses, the default one first and then the oldest. One round trip.
func (a *Accounts) ListAddresses(ctx context.Context, account regions.Ref) ([]Address, error) {
	addresses, err := database.List(ctx, a.db, scanAddress, `
SELECT `+addressColumns+`
FROM addresses
WHERE region = $1 AND account_id = $2
ORDER BY is_default DESC, created_at, id
LIMIT $3::int8`, account.Region, account.ID, MaxAddresses)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return addresses, nil
}

// GetAddress returns an address of the account; ErrNoAddress where there is none, or it is somebody else's. One round
// trip.
func (a *Accounts) GetAddress(ctx context.Context, account, address regions.Ref) (Address, error) {
	if address.Region != account.Region {
		return Address{}, ErrNoAddress
	}
	found, err := database.One(ctx, a.db, scanAddress, `
SELECT `+addressColumns+`
FROM addresses
WHERE region = $1 AND id = $2 AND account_id = $3`, account.Region, address.ID, account.ID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Address{}, ErrNoAddress
	case err != nil:
		return Address{}, fmt.Errorf("get address: %w", err)
	}
	return found, nil
}

// DeleteAddress removes an address of the account; ErrNoAddress where there is none, or it is somebody else's. Orders
// keep the address they were placed with. One round trip.
func (a *Accounts) DeleteAddress(ctx context.Context, account, address regions.Ref) error {
	if address.Region != account.Region {
		return ErrNoAddress
	}
	var deleted int64
	err := a.db.Write(ctx, func(b *database.Batch) error {
		deleted = 0
		database.Affected(b.Queue(`
DELETE FROM addresses
WHERE region = $1 AND id = $2 AND account_id = $3`, account.Region, address.ID, account.ID), &deleted)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("delete address: %w", err)
	case deleted == 0:
		return ErrNoAddress
	}
	return nil
}
