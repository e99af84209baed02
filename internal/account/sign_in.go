package account

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// SignInInput holds the credentials of a sign-in.
type SignInInput struct {
	Email    string
	Password string
	// Client identifies the caller across accounts by network address, for throttling; empty is not throttled.
	Client string
}

// SignIn begins a session: two round trips, whether it succeeds or not.
//
// Errors: ErrBadCredentials, *ThrottledError, ErrBusy.
func (a *Accounts) SignIn(ctx context.Context, in SignInInput) (Session, error) {
	if err := a.clients.check(in.Client); err != nil {
		return Session{}, err
	}
	email, err := NormalizeEmail(in.Email)
	if err != nil || len(in.Password) > maxPasswordBytes {
		a.clients.wrong(in.Client)
		return Session{}, ErrBadCredentials
	}
	who, err := a.findCredentials(ctx, email)
	if err != nil {
		return Session{}, err
	}
	if err := a.check(who); err != nil {
		return Session{}, err
	}
	good, outdated, err := a.hasher.verify(ctx, who.passwordHash, in.Password)
	if err != nil {
		return Session{}, fmt.Errorf("check a password: %w", err)
	}
	if !good || who.Status != StatusActive {
		a.clients.wrong(in.Client)
		return Session{}, a.wrongPassword(ctx, who)
	}
	newHash := who.passwordHash
	if outdated {
		if newHash, err = a.hasher.hash(ctx, in.Password); err != nil {
			return Session{}, err
		}
	}
	return a.begin(ctx, who, newHash)
}

// credentials are what a password is checked against.
type credentials struct {
	Account
	// emailHash is of the address that was asked for.
	emailHash    []byte
	passwordHash string
	lockedUntil  *time.Time
	// unknown is true of an address without an account. Account.Ref then names a row that does not exist.
	unknown bool
}

// credentialColumns are what scanCredentials reads.
const credentialColumns = accountColumns + `, a.password_hash, a.locked_until`

func scanCredentials(row pgx.CollectableRow) (credentials, error) {
	var c credentials
	err := row.Scan(append(c.fields(), &c.passwordHash, &c.lockedUntil)...)
	return c, err
}

// findCredentials looks an address up. One that has no account gets credentials that nobody can match.
func (a *Accounts) findCredentials(ctx context.Context, email string) (credentials, error) {
	hash := a.emailHash(email)
	who, err := database.One(ctx, a.db, scanCredentials, `
SELECT `+credentialColumns+`
FROM email_directory d
JOIN accounts a ON a.region = d.region AND a.id = d.account_id
WHERE d.email_hash = $1`, hash)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		who = credentials{passwordHash: a.hasher.nobody, unknown: true}
		who.Ref = regions.Ref{Region: a.here(), ID: uuid.New()}
	case err != nil:
		return credentials{}, fmt.Errorf("find the account of an e-mail address: %w", err)
	}
	who.emailHash = hash
	return who, nil
}

// here returns the region this process serves.
func (a *Accounts) here() string {
	if region, ok := a.regions.Get(a.db.Region()); ok {
		return region.Name
	}
	return a.regions.Primary().Name
}

// check returns a *ThrottledError while the account, or the address that has none, is locked.
func (a *Accounts) check(who credentials) error {
	if who.unknown {
		return a.strangers.check(hex.EncodeToString(who.emailHash))
	}
	if who.lockedUntil == nil {
		return nil
	}
	return throttled(*who.lockedUntil, a.cfg.Now())
}

// wrongPassword counts a wrong password and returns ErrBadCredentials. An address without an account costs the same
// statement, which then finds no row.
func (a *Accounts) wrongPassword(ctx context.Context, who credentials) error {
	if who.unknown {
		a.strangers.wrong(hex.EncodeToString(who.emailHash))
	}
	p := guessesOfAccount
	err := a.db.Write(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = id, $3 = free guesses, $4 = first lock, $5 = longest lock, in seconds
		b.Queue(`
UPDATE accounts SET
  failed_sign_ins = failed_sign_ins + 1,
  locked_until = CASE
    WHEN failed_sign_ins < $3::int8 THEN locked_until
    ELSE now() + least($5::int8, $4::int8 * power(2::float8, least(failed_sign_ins - $3::int8, 20)::float8)::int8) * INTERVAL '1 second'
  END
WHERE region = $1 AND id = $2`,
			who.Ref.Region, who.Ref.ID, p.free, int64(p.first/time.Second), int64(p.most/time.Second))
		return nil
	})
	if err != nil {
		return fmt.Errorf("count a wrong password: %w", err)
	}
	return ErrBadCredentials
}

// begin writes a session of the account if it is still as it was read: the same password, active, and not locked by
// guesses that were made at the same time.
func (a *Accounts) begin(ctx context.Context, who credentials, newHash string) (Session, error) {
	session := uuid.New()
	refresh := newRefreshToken(regions.Ref{Region: who.Ref.Region, ID: uuid.New()})
	var account Account
	var expires *time.Time
	err := a.db.Write(ctx, func(b *database.Batch) error {
		account, expires = Account{}, nil
		a.queueSession(b, who, session, refresh, &expires)
		// $1 = region, $2 = id, $3 = password hash that was checked, $4 = the one to keep, $5 = token that was made
		b.Queue(`
UPDATE accounts SET failed_sign_ins = 0, locked_until = NULL, password_hash = $4
WHERE region = $1 AND id = $2 AND password_hash = $3
  AND (failed_sign_ins <> 0 OR locked_until IS NOT NULL OR password_hash <> $4)
  AND EXISTS (SELECT 1 FROM refresh_tokens WHERE region = $1 AND id = $5)`,
			who.Ref.Region, who.Ref.ID, who.passwordHash, newHash, refresh.ref.ID)
		queueGet(b, who.Ref, &account)
		return nil
	})
	switch {
	case err != nil:
		return Session{}, fmt.Errorf("begin a session: %w", err)
	case expires == nil:
		return Session{}, ErrBadCredentials
	}
	return a.session(ctx, account, session, refresh, *expires)
}

// queueSession inserts the first token of a session where the account is still as it was read. expires stays nil
// where it is not.
func (a *Accounts) queueSession(b *database.Batch, who credentials, session uuid.UUID, refresh refreshToken, expires **time.Time) {
	// $1 = region, $2 = id, $3 = account, $4 = session, $5 = hash, $6 = life in seconds, $7 = password hash
	b.Queue(`
INSERT INTO refresh_tokens (region, id, account_id, family_id, token_hash, expires_at)
SELECT a.region, $2::uuid, a.id, $4::uuid, $5::bytea, now() + $6::int8 * INTERVAL '1 second'
FROM accounts a
WHERE a.region = $1 AND a.id = $3 AND a.status = 'active' AND a.password_hash = $7
  AND (a.locked_until IS NULL OR a.locked_until <= now())
RETURNING expires_at`,
		refresh.ref.Region, refresh.ref.ID, who.Ref.ID, session, refresh.hash(), a.refreshSeconds(), who.passwordHash,
	).Query(func(rows pgx.Rows) error {
		made, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err == nil && len(made) == 1 {
			*expires = &made[0]
		}
		return err
	})
}
