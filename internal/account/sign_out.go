package account

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// SignOut ends one session of the account by revoking its refresh token. Access tokens that were issued before remain
// valid until they expire. It may be repeated, and does nothing to a session of somebody else. One round trip.
func (a *Accounts) SignOut(ctx context.Context, account regions.Ref, session uuid.UUID) error {
	err := a.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE refresh_tokens SET revoked_at = now()
WHERE region = $1 AND family_id = $2 AND account_id = $3 AND revoked_at IS NULL`, account.Region, session, account.ID)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// SignOutEverywhere ends every session of the account. It may be repeated. One round trip.
func (a *Accounts) SignOutEverywhere(ctx context.Context, account regions.Ref) error {
	err := a.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE accounts SET session_epoch = session_epoch + 1
WHERE region = $1 AND id = $2`, account.Region, account.ID)
		queueRevokeAll(b, account)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sign out everywhere: %w", err)
	}
	return nil
}

// queueRevokeAll ends every session of the account.
func queueRevokeAll(b *database.Batch, account regions.Ref) {
	b.Queue(`
UPDATE refresh_tokens SET revoked_at = now()
WHERE region = $1 AND account_id = $2 AND revoked_at IS NULL`, account.Region, account.ID)
}
