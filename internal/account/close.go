package account

import (
	"context"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/rating"
	"meridian/regions"
)

// CloseInput says which account to close.
type CloseInput struct {
	Account regions.Ref
	// Password is the account's: it is counted and throttled like one at a sign-in.
	Password string
}

// Close closes the account permanently and erases the person's data: e-mail address, name, password, postal addresses
// and sessions; its ratings become anonymous. The row remains with its id and country, because orders refer to it and
// hold what the law requires. The e-mail address can be registered again. Two round trips.
//
// Errors: ErrWrongPassword, *ThrottledError, ErrBusy, ErrNotFound, ErrVersionConflict.
func (a *Accounts) Close(ctx context.Context, in CloseInput) error {
	who, err := a.readCredentials(ctx, in.Account)
	if err != nil {
		return err
	}
	if err := a.confirmPassword(ctx, who, in.Password); err != nil {
		return err
	}
	err = a.db.Write(ctx, func(b *database.Batch) error {
		b.Queue(`
DELETE FROM email_directory
WHERE email_hash = (SELECT email_hash FROM accounts WHERE region = $1 AND id = $2)`, who.Ref.Region, who.Ref.ID)
		b.Queue(`DELETE FROM sign_in_guesses WHERE region = $1 AND email_hash = $2`, who.Ref.Region, who.emailHash)
		// The hash of the address is personal as well; what replaces it need only be unique.
		unique := uuid.New()
		// $1 = region, $2 = id, $3 = version that was read, $4 = what replaces the hash
		b.Queue(`
UPDATE accounts SET
  email = '', email_hash = $4, name = '', password_hash = '', roles = ARRAY['shopper'], seller_id = NULL,
  status = 'closed', session_epoch = session_epoch + 1, updated_at = now(),
  version = CASE WHEN version = $3 THEN version + 1 ELSE -1 END
WHERE region = $1 AND id = $2`, who.Ref.Region, who.Ref.ID, who.Version, unique[:])
		b.Queue(`DELETE FROM addresses WHERE region = $1 AND account_id = $2`, who.Ref.Region, who.Ref.ID)
		b.Queue(`DELETE FROM refresh_tokens WHERE region = $1 AND account_id = $2`, who.Ref.Region, who.Ref.ID)
		rating.QueueForget(b, who.Ref)
		return a.queueEvent(b, "account.closed", who.Ref)
	})
	return accountError(err, "close an account")
}
