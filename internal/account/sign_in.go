package account

import (
	"context"
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
	// Client identifies the caller by network address, for throttling: of this account from there, and across accounts,
	// where an empty one is not throttled.
	Client string
	// Device is the DeviceToken of an earlier session on this device: guesses from elsewhere do not lock it out. It may be
	// empty.
	Device string
}

// SignIn begins a session: two round trips, whether it succeeds or not.
//
// Errors: ErrBadCredentials, *ThrottledError, ErrBusy.
func (a *Accounts) SignIn(ctx context.Context, in SignInInput) (Session, error) {
	email, err := NormalizeEmail(in.Email)
	hash := a.emailHash(email)
	known, isKnown := a.knownDevice(in.Device, hash)
	if !isKnown {
		known = a.newDevice()
		if err := a.clients.check(in.Client); err != nil {
			return Session{}, err
		}
	}
	if err != nil || len(in.Password) > maxPasswordBytes {
		a.clients.wrong(in.Client)
		return Session{}, ErrBadCredentials
	}
	who, err := a.findCredentials(ctx, hash, a.sourceOf(in, known, isKnown))
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
	session, err := a.begin(ctx, who, newHash)
	if err != nil {
		return Session{}, err
	}
	session.DeviceToken = a.deviceToken(known, hash)
	return session, nil
}

// credentials are what a password is checked against.
type credentials struct {
	Account
	// emailHash is of the address that was asked for.
	emailHash    []byte
	passwordHash string
	// from is where the password comes from; lockedUntil is until when it is not checked, nil where it is.
	from        source
	lockedUntil *time.Time
	// unknown is true of an address without an account. Account.Ref then names a row that does not exist.
	unknown bool
}

// credentialColumns are what scanCredentials reads.
const credentialColumns = accountColumns + `, a.password_hash, a.email_hash`

func scanCredentials(row pgx.CollectableRow) (credentials, error) {
	var c credentials
	err := row.Scan(append(c.fields(), &c.passwordHash, &c.emailHash)...)
	return c, err
}

// findCredentials looks an address up by its hash. One that has no account gets credentials that nobody can match.
func (a *Accounts) findCredentials(ctx context.Context, hash []byte, from source) (credentials, error) {
	var who credentials
	err := a.db.Read(ctx, func(b *database.Batch) error {
		who = credentials{}
		b.Queue(`
SELECT `+credentialColumns+`
FROM email_directory d
JOIN accounts a ON a.region = d.region AND a.id = d.account_id
WHERE d.email_hash = $1`, hash).Query(database.CollectFirst(&who, scanCredentials))
		// $1 = hash, $2 = region of an address without an account, $3 = sources
		b.Queue(`
SELECT max(g.locked_until)
FROM sign_in_guesses g
WHERE g.region = coalesce((SELECT d.region FROM email_directory d WHERE d.email_hash = $1), $2::text::crdb_internal_region)
  AND g.email_hash = $1 AND g.source = ANY($3::bytea[])`, hash, a.regionOfStranger(hash), from.keys).Query(who.scanLock)
		return nil
	})
	if err != nil {
		return credentials{}, fmt.Errorf("find the account of an e-mail address: %w", err)
	}
	if who.emailHash == nil {
		who.passwordHash, who.unknown = a.hasher.nobody, true
		who.Ref = regions.Ref{Region: a.regionOfStranger(hash), ID: uuid.New()}
	}
	who.emailHash, who.from = hash, from
	return who, nil
}

// regionOfStranger returns where wrong passwords for an address without an account are counted: the same for every pod,
// so that they are counted as those of an account are.
func (a *Accounts) regionOfStranger(emailHash []byte) string {
	names := a.regions.Names()
	return names[int(emailHash[0])%len(names)]
}

// check returns a *ThrottledError while passwords for the address may not be tried from where this one comes from.
func (a *Accounts) check(who credentials) error {
	if who.lockedUntil == nil {
		return nil
	}
	return throttled(*who.lockedUntil, a.cfg.Now())
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
		if newHash != who.passwordHash {
			// $1 = region, $2 = id, $3 = password hash that was checked, $4 = the one to keep, $5 = token that was made
			b.Queue(`
UPDATE accounts SET password_hash = $4
WHERE region = $1 AND id = $2 AND password_hash = $3
  AND EXISTS (SELECT 1 FROM refresh_tokens WHERE region = $1 AND id = $5)`,
				who.Ref.Region, who.Ref.ID, who.passwordHash, newHash, refresh.ref.ID)
		}
		queueForgetGuesses(b, who)
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
	// $1 = region, $2 = id, $3 = account, $4 = session, $5 = hash, $6 = life in seconds, $7 = password hash, $8 = hash of
	// the e-mail address, $9 = sources
	b.Queue(`
INSERT INTO refresh_tokens (region, id, account_id, family_id, token_hash, expires_at)
SELECT a.region, $2::uuid, a.id, $4::uuid, $5::bytea, now() + $6::int8 * INTERVAL '1 second'
FROM accounts a
WHERE a.region = $1 AND a.id = $3 AND a.status = 'active' AND a.password_hash = $7
  AND NOT EXISTS (
    SELECT 1
    FROM sign_in_guesses g
    WHERE g.region = a.region AND g.email_hash = $8 AND g.source = ANY($9::bytea[]) AND g.locked_until > now())
RETURNING expires_at`,
		refresh.ref.Region, refresh.ref.ID, who.Ref.ID, session, refresh.hash(), a.refreshSeconds(), who.passwordHash,
		who.emailHash, who.from.keys,
	).Query(func(rows pgx.Rows) error {
		made, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err == nil && len(made) == 1 {
			*expires = &made[0]
		}
		return err
	})
}
