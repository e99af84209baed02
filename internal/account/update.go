package account

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/regions"
)

// UpdateInput holds changes of a customer's profile. Nil leaves a field as it is.
type UpdateInput struct {
	Account regions.Ref
	// Version is the Account.Version that the change is based on.
	Version int64
	Name    *string
	// Country may become another one of the home region only: the account's rows do not move.
	Country *string
}

// Update changes the account's profile. One round trip.
//
// Errors: *invalid.Error, ErrVersionConflict, ErrNotFound.
func (a *Accounts) Update(ctx context.Context, in UpdateInput) (Account, error) {
	if err := a.checkUpdate(&in); err != nil {
		return Account{}, err
	}
	var account Account
	err := a.db.Write(ctx, func(b *database.Batch) error {
		account = Account{}
		// $1 = region, $2 = id, $3 = version, $4 = name or NULL, $5 = country or NULL
		b.Queue(`
UPDATE accounts AS a SET
  name = coalesce($4::text, name), country = coalesce($5::text, country), updated_at = now(),
  version = CASE WHEN version = $3 THEN version + 1 ELSE -1 END
WHERE region = $1 AND id = $2 AND status = 'active'
RETURNING `+accountColumns, in.Account.Region, in.Account.ID, in.Version, in.Name, in.Country).QueryRow(func(row pgx.Row) error {
			return row.Scan(account.fields()...)
		})
		return nil
	})
	return account, accountError(err, "update account")
}

func (a *Accounts) checkUpdate(in *UpdateInput) error {
	var faults invalid.List
	if in.Name != nil {
		name := faults.Line("name", *in.Name, 1, maxNameLength)
		in.Name = &name
	}
	if in.Country != nil {
		if home, ok := a.regions.HomeOf(*in.Country); !ok || home.Name != in.Account.Region {
			own, _ := a.regions.Get(in.Account.Region)
			faults.Add("country", "must be one of the countries whose customers are at home in the same region as you: %s",
				strings.Join(own.Countries, ", "))
		}
	}
	return faults.Err("account")
}
