package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/outbox"
	"meridian/regions"
)

// ChangePasswordInput is a customer's new password.
type ChangePasswordInput struct {
	Account regions.Ref
	// Session is the one that asks: it goes on, every other ends.
	Session uuid.UUID
	// Current is the password as it is; it is counted and throttled like one at a sign-in.
	Current string
	New     string
}

// ChangePassword replaces the password and ends every other session. Two round trips.
//
// Errors: *invalid.Error, ErrWrongPassword, *ThrottledError, ErrBusy, ErrNotFound, ErrVersionConflict (something else
// about the account changed at the same time).
func (a *Accounts) ChangePassword(ctx context.Context, in ChangePasswordInput) error {
	who, err := a.readCredentials(ctx, in.Account)
	if err != nil {
		return err
	}
	var faults invalid.List
	checkPassword(&faults, "new_password", in.New, who.Email, who.Name)
	if err := faults.Err("password"); err != nil {
		return err
	}
	if err := a.confirmPassword(ctx, who, in.Current); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, in.New)
	if err != nil {
		return err
	}
	return a.writePassword(ctx, who, in.Session, hash)
}

// readCredentials reads what a signed-in customer's password is checked against.
func (a *Accounts) readCredentials(ctx context.Context, ref regions.Ref) (credentials, error) {
	var who credentials
	from := a.signedIn()
	err := a.db.Read(ctx, func(b *database.Batch) error {
		who = credentials{}
		b.Queue(`
SELECT `+credentialColumns+`
FROM accounts a
WHERE a.region = $1 AND a.id = $2 AND a.status = 'active'`, ref.Region, ref.ID).Query(database.CollectFirst(&who, scanCredentials))
		b.Queue(`
SELECT max(g.locked_until)
FROM accounts a
JOIN sign_in_guesses g ON g.region = a.region AND g.email_hash = a.email_hash AND g.source = ANY($3::bytea[])
WHERE a.region = $1 AND a.id = $2`, ref.Region, ref.ID, from.keys).Query(who.scanLock)
		return nil
	})
	if err == nil && who.emailHash == nil {
		err = pgx.ErrNoRows
	}
	who.from = from
	return who, accountError(err, "read an account's credentials")
}

// confirmPassword checks the password of somebody who is signed in: a token that was left lying about must not be
// enough to take an account over.
func (a *Accounts) confirmPassword(ctx context.Context, who credentials, password string) error {
	if err := a.check(who); err != nil {
		return err
	}
	if len(password) > maxPasswordBytes {
		return ErrWrongPassword
	}
	good, _, err := a.hasher.verify(ctx, who.passwordHash, password)
	if err != nil {
		return fmt.Errorf("check a password: %w", err)
	}
	if good {
		return nil
	}
	if err := a.wrongPassword(ctx, who); !errors.Is(err, ErrBadCredentials) {
		return err
	}
	return ErrWrongPassword
}

func (a *Accounts) writePassword(ctx context.Context, who credentials, session uuid.UUID, hash string) error {
	err := a.db.Write(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = id, $3 = version that was read, $4 = new password hash
		b.Queue(`
UPDATE accounts SET
  password_hash = $4, session_epoch = session_epoch + 1, updated_at = now(),
  version = CASE WHEN version = $3 THEN version + 1 ELSE -1 END
WHERE region = $1 AND id = $2`, who.Ref.Region, who.Ref.ID, who.Version, hash)
		b.Queue(`
UPDATE refresh_tokens SET revoked_at = now()
WHERE region = $1 AND account_id = $2 AND family_id <> $3 AND revoked_at IS NULL`, who.Ref.Region, who.Ref.ID, session)
		queueForgetGuesses(b, who)
		return a.queueEvent(b, "account.password_changed", who.Ref)
	})
	return accountError(err, "change a password")
}

// queueEvent adds an event about the account that says nothing but that it happened.
func (a *Accounts) queueEvent(b *database.Batch, topic string, ref regions.Ref) error {
	return outbox.Queue(b, outbox.Event{
		Region:  ref.Region,
		Topic:   topic,
		Key:     a.regions.FormatID(regions.AccountPrefix, ref),
		Payload: struct{}{},
	})
}
