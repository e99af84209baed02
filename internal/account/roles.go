package account

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/outbox"
	"meridian/regions"
)

// The roles of an account. What each may do is the API's to say.
const (
	RoleShopper  = "shopper"
	RoleSeller   = "seller"
	RoleOperator = "operator"
	RoleFinance  = "finance"
	RoleAdmin    = "admin"
)

// Roles lists every role.
func Roles() []string {
	return []string{RoleShopper, RoleSeller, RoleOperator, RoleFinance, RoleAdmin}
}

// SetRolesInput holds the new roles of an account.
type SetRolesInput struct {
	Account regions.Ref
	// Roles replaces the account's roles; shopper is always among them.
	Roles []string
	// Seller is whom the account acts for; needed with the role seller, and with no other.
	Seller uuid.UUID
}

// SetRoles replaces the account's roles. Access tokens that were given out before keep theirs until they expire; the
// next refresh brings the new ones. It may be repeated. Two round trips, and two more for each change of the account
// that comes in between.
//
// Errors: *invalid.Error, ErrNotFound, ErrNoSeller, ErrVersionConflict (it keeps changing).
func (a *Accounts) SetRoles(ctx context.Context, in SetRolesInput) (Account, error) {
	if err := in.validate(); err != nil {
		return Account{}, err
	}
	return a.changeRoles(ctx, in.Account, in.Seller, func(Account) ([]string, uuid.UUID) { return in.Roles, in.Seller })
}

func (in SetRolesInput) validate() error {
	var faults invalid.List
	for _, role := range in.Roles {
		if !slices.Contains(Roles(), role) {
			faults.Add("roles", "must be among %s", strings.Join(Roles(), ", "))
			break
		}
	}
	if slices.Contains(in.Roles, RoleSeller) != (in.Seller != uuid.Nil) {
		faults.Add("seller", "must be given with the role seller, and with no other")
	}
	return faults.Err("account")
}

// Grant adds a role to the account; seller is whom it acts for with the role seller, and uuid.Nil with any other. It
// may be repeated. Errors and round trips are those of SetRoles.
func (a *Accounts) Grant(ctx context.Context, account regions.Ref, role string, seller uuid.UUID) (Account, error) {
	if err := (SetRolesInput{Roles: []string{role}, Seller: seller}).validate(); err != nil {
		return Account{}, err
	}
	return a.changeRoles(ctx, account, seller, func(before Account) ([]string, uuid.UUID) {
		if role != RoleSeller {
			seller = before.Seller
		}
		return append(before.Roles, role), seller
	})
}

// Revoke takes a role from the account. It may be repeated. Errors and round trips are those of SetRoles.
func (a *Accounts) Revoke(ctx context.Context, account regions.Ref, role string) (Account, error) {
	if role == RoleShopper || !slices.Contains(Roles(), role) {
		return Account{}, invalid.New("role", "role", "must be one of "+strings.Join(Roles()[1:], ", "))
	}
	return a.changeRoles(ctx, account, uuid.Nil, func(before Account) ([]string, uuid.UUID) {
		seller := before.Seller
		if role == RoleSeller {
			seller = uuid.Nil
		}
		return slices.DeleteFunc(before.Roles, func(r string) bool { return r == role }), seller
	})
}

// roleAttempts is how often a change of roles is tried again when the account changes under it.
const roleAttempts = 5

// changeRoles reads the account and writes what change makes of its roles, guarded by the version it was read at.
func (a *Accounts) changeRoles(
	ctx context.Context, ref regions.Ref, newSeller uuid.UUID, change func(before Account) ([]string, uuid.UUID),
) (Account, error) {
	for range roleAttempts {
		before, err := a.readForRoles(ctx, ref, newSeller)
		if err != nil {
			return Account{}, err
		}
		roles, seller := change(before)
		roles = slices.Sorted(slices.Values(append(roles, RoleShopper)))
		after, err := a.writeRoles(ctx, before, slices.Compact(roles), seller)
		if !errors.Is(err, ErrVersionConflict) {
			return after, err
		}
	}
	return Account{}, ErrVersionConflict
}

// readForRoles reads an account and checks, in the same round trip, that the seller exists.
func (a *Accounts) readForRoles(ctx context.Context, ref regions.Ref, seller uuid.UUID) (Account, error) {
	var found Account
	sellerExists := true
	err := a.db.Read(ctx, func(b *database.Batch) error {
		b.Queue(`
SELECT `+accountColumns+`
FROM accounts a
WHERE a.region = $1 AND a.id = $2 AND a.status <> 'closed'`, ref.Region, ref.ID).QueryRow(func(row pgx.Row) error {
			return row.Scan(found.fields()...)
		})
		if seller != uuid.Nil {
			catalog.QueueHasSeller(b, seller, &sellerExists)
		}
		return nil
	})
	if err == nil && !sellerExists {
		return Account{}, ErrNoSeller
	}
	return found, accountError(err, "read an account's roles")
}

func (a *Accounts) writeRoles(ctx context.Context, before Account, roles []string, seller uuid.UUID) (Account, error) {
	var after Account
	err := a.db.Write(ctx, func(b *database.Batch) error {
		after = Account{}
		// $1 = region, $2 = id, $3 = version that was read, $4 = roles, $5 = seller or NULL
		b.Queue(`
UPDATE accounts AS a SET
  roles = $4, seller_id = $5, updated_at = now(),
  version = CASE WHEN version = $3 THEN version + 1 ELSE -1 END
WHERE region = $1 AND id = $2
RETURNING `+accountColumns, before.Ref.Region, before.Ref.ID, before.Version, roles,
			uuid.NullUUID{UUID: seller, Valid: seller != uuid.Nil}).QueryRow(func(row pgx.Row) error {
			return row.Scan(after.fields()...)
		})
		return outbox.Queue(b, outbox.Event{
			Region:  before.Ref.Region,
			Topic:   "account.roles_changed",
			Key:     a.regions.FormatID(regions.AccountPrefix, before.Ref),
			Payload: map[string][]string{"before": before.Roles, "after": roles},
		})
	})
	return after, accountError(err, "change an account's roles")
}
