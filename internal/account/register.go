package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/outbox"
	"meridian/regions"
)

// RegisterInput holds a new account.
type RegisterInput struct {
	Email    string
	Password string
	Name     string
	// Country is the ISO 3166-1 alpha-2 code that decides the account's home region, for good.
	Country string
	// Client identifies the caller for throttling, as in SignInInput. It is used only where the call is a repetition.
	Client string
	// Idempotency lets the call be repeated; only Key and Fingerprint are read.
	Idempotency idempotency.Key
}

// registerScope is the scope of registrations' idempotency keys, in the account's home region.
const registerScope = "register"

// statusCreated is the HTTP status of a registration's first answer, which the idempotency record keeps.
const statusCreated = 201

// Register makes an account and signs it in: one round trip. A repetition of the call with the same key signs in
// again, by the password it brings, and costs four.
//
// Errors: *invalid.Error, ErrEmailTaken, ErrBusy, idempotency.ErrReused; of a repetition also those of SignIn.
func (a *Accounts) Register(ctx context.Context, in RegisterInput) (Session, error) {
	home, err := a.checkRegistration(&in)
	if err != nil {
		return Session{}, err
	}
	if err := a.CheckSecret(ctx); err != nil { // an account under another secret would be lost
		return Session{}, err
	}
	hash, err := a.hasher.hash(ctx, in.Password)
	if err != nil {
		return Session{}, err
	}
	ref := regions.Ref{Region: home.Name, ID: uuid.New()}
	n := registration{
		in:      in,
		ref:     ref,
		hash:    hash,
		claim:   a.registrationClaim(in, home.Name),
		session: uuid.New(),
		refresh: newRefreshToken(regions.Ref{Region: home.Name, ID: uuid.New()}),
	}
	account, expires, err := a.writeRegistration(ctx, n)
	switch {
	case idempotency.Taken(err):
		return a.registeredBefore(ctx, in, n.claim)
	case database.Violates(err, "email_directory_pkey"), database.Violates(err, "accounts_email_key"):
		return Session{}, ErrEmailTaken
	case err != nil:
		return Session{}, fmt.Errorf("register an account: %w", err)
	}
	session, err := a.session(ctx, account, n.session, n.refresh, expires)
	if err != nil {
		return Session{}, err
	}
	session.DeviceToken = a.deviceToken(a.newDevice(), a.emailHash(in.Email))
	return session, nil
}

// checkRegistration normalises the input and finds its home region.
func (a *Accounts) checkRegistration(in *RegisterInput) (regions.Region, error) {
	var faults invalid.List
	email, err := NormalizeEmail(in.Email)
	if err != nil {
		faults.Add("email", "must be an e-mail address such as name@example.com")
	}
	in.Email = email
	in.Name = faults.Line("name", in.Name, 1, maxNameLength)
	checkPassword(&faults, "password", in.Password, in.Email, in.Name)
	home, ok := a.regions.HomeOf(in.Country)
	if !ok {
		faults.Add("country", "must be an ISO 3166-1 alpha-2 code such as IE")
	}
	return home, faults.Err("registration")
}

// maxNameLength is how many characters a person's name may have.
const maxNameLength = 100

// registrationClaim returns the caller's key in the scope of registrations. The fingerprint covers the
// password, so it is hashed again with a key: alone it would let whoever reads the table try passwords quickly.
func (a *Accounts) registrationClaim(in RegisterInput, region string) idempotency.Key {
	claim := in.Idempotency
	claim.Region, claim.Scope = region, registerScope
	claim.Fingerprint = mac(a.fingerprintKey, string(claim.Fingerprint))
	return claim
}

// registration is all that is written for a new account, decided before the batch, which may run more than once.
type registration struct {
	in      RegisterInput
	ref     regions.Ref
	hash    string
	claim   idempotency.Key
	session uuid.UUID
	refresh refreshToken
}

func (a *Accounts) writeRegistration(ctx context.Context, n registration) (account Account, refreshExpires time.Time, err error) {
	write := a.db.Write
	if n.claim.Key != "" {
		write = a.db.WriteIdempotent
	}
	id := a.regions.FormatID(regions.AccountPrefix, n.ref)
	err = write(ctx, func(b *database.Batch) error {
		account = Account{}
		n.claim.QueueClaim(b, idempotency.Answer{Resource: id, Status: statusCreated})
		a.queueAccount(b, n, &account)
		a.queueFirstToken(b, n, &refreshExpires)
		return outbox.Queue(b, outbox.Event{
			Region:  n.ref.Region,
			Topic:   "account.registered",
			Key:     id,
			Payload: map[string]string{"country": n.in.Country},
		})
	})
	return account, refreshExpires, err
}

func (a *Accounts) queueAccount(b *database.Batch, n registration, account *Account) {
	hash := a.emailHash(n.in.Email)
	b.Queue(`
INSERT INTO email_directory (email_hash, region, account_id)
VALUES ($1, $2, $3)`, hash, n.ref.Region, n.ref.ID)
	// $1 = region, $2 = id, $3 = e-mail address, $4 = its hash, $5 = name, $6 = country, $7 = password hash
	b.Queue(`
INSERT INTO accounts AS a (region, id, email, email_hash, name, country, password_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING `+accountColumns,
		n.ref.Region, n.ref.ID, n.in.Email, hash, n.in.Name, n.in.Country, n.hash).QueryRow(func(row pgx.Row) error {
		return row.Scan(account.fields()...)
	})
}

// queueFirstToken begins a session of the account.
func (a *Accounts) queueFirstToken(b *database.Batch, n registration, expires *time.Time) {
	// $1 = region, $2 = id, $3 = account, $4 = session, $5 = hash, $6 = life in seconds
	b.Queue(`
INSERT INTO refresh_tokens (region, id, account_id, family_id, token_hash, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + $6::int8 * INTERVAL '1 second')
RETURNING expires_at`,
		n.refresh.ref.Region, n.refresh.ref.ID, n.ref.ID, n.session, n.refresh.hash(), a.refreshSeconds()).QueryRow(func(row pgx.Row) error {
		return row.Scan(expires)
	})
}

// registeredBefore answers a repetition. Its password is tested like any other: the key and the body of a call that
// was made once must not open an account whose password has been changed since.
func (a *Accounts) registeredBefore(ctx context.Context, in RegisterInput, claim idempotency.Key) (Session, error) {
	var replay *idempotency.Replay
	if err := idempotency.Find(ctx, a.db, claim); !errors.As(err, &replay) {
		return Session{}, err
	}
	return a.SignIn(ctx, SignInInput{Email: in.Email, Password: in.Password, Client: in.Client})
}
