package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/secret"
	"meridian/regions"
)

// The errors of the package. Input that is wrong in itself is refused with *invalid.Error,
// too many guesses with *ThrottledError.
var (
	// ErrBadCredentials is the one answer to every sign-in that does not succeed, whatever the reason.
	ErrBadCredentials = errors.New("the e-mail address or the password is wrong")
	// ErrWrongPassword is returned when a signed-in customer repeats their password and it is not theirs.
	ErrWrongPassword = errors.New("the current password is wrong")
	// ErrEmailTaken is returned by Register for an address that has an account already.
	ErrEmailTaken = errors.New("the e-mail address has an account already")
	// ErrBusy is returned when too many passwords wait to be hashed. The caller may try again.
	ErrBusy = errors.New("too many sign-ins at once")
	// ErrBadAccessToken is returned for an access token that is malformed, forged or expired.
	ErrBadAccessToken = errors.New("the access token is not valid")
	// ErrBadRefreshToken is returned for a refresh token that is malformed, unknown, expired or revoked.
	ErrBadRefreshToken = errors.New("the refresh token is not valid")
	// ErrTokenReused is returned for a refresh token that was used before. Its session has been ended.
	ErrTokenReused = errors.New("the refresh token was used before")
	// ErrNotFound is returned where there is no such account, or it is closed.
	ErrNotFound = errors.New("no such account")
	// ErrNoAddress is returned where the account has no such address.
	ErrNoAddress = errors.New("no such address")
	// ErrTooManyAddresses is returned when the account has MaxAddresses already.
	ErrTooManyAddresses = errors.New("the account has as many addresses as it may have")
	// ErrVersionConflict is returned when the account has changed since the caller read it.
	ErrVersionConflict = errors.New("the account has changed meanwhile")
	// ErrNoSeller is returned when a role is to be granted for a seller that does not exist.
	ErrNoSeller = errors.New("no such seller")
)

// The states of an account. Only an active one can be used.
const (
	StatusActive    = "active"
	StatusSuspended = "suspended"
	StatusClosed    = "closed"
)

// An Account is a customer or a member of staff.
type Account struct {
	// Ref is the account's home region and key.
	Ref   regions.Ref
	Email string
	Name  string
	// Country is the ISO 3166-1 alpha-2 code of where the account was registered.
	Country string
	// Roles are what the account may be, sorted; every account is a shopper.
	Roles []string
	// Seller is whom an account with the role seller acts for; else uuid.Nil.
	Seller uuid.UUID
	Status string
	// SessionEpoch counts how often every session was ended at once.
	SessionEpoch int64
	// Version counts the changes of the account: what UpdateInput.Version must name.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Has reports whether the account has the role.
func (a Account) Has(role string) bool { return slices.Contains(a.Roles, role) }

// Accounts manages the shop's accounts. It is safe for concurrent use.
type Accounts struct {
	cfg            Config
	db             *database.DB
	regions        *regions.Set
	emailKey       secret.Bytes
	fingerprintKey secret.Bytes
	deviceKey      secret.Bytes
	hasher         *hasher
	keys           *signingKeys
	clients        *guesses
}

// New returns the accounts of a shop. It makes no round trip: the signing keys are read, and the first one made, when they are
// first needed, or by RotateOnce before that. All faults of the configuration are reported at once.
func New(cfg Config) (*Accounts, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	emailKey, err1 := cfg.Secret.Key(purposeEmail)
	fingerprintKey, err2 := cfg.Secret.Key(purposeFingerprint)
	sealingKey, err3 := cfg.Secret.Key(purposeSealing)
	deviceKey, err4 := cfg.Secret.Key(purposeDevices)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	hasher, err := newHasher(cfg.Argon2, cfg.HashesAtOnce, cfg.HashWait)
	if err != nil {
		return nil, err
	}
	keys, err := newSigningKeys(cfg, sealingKey)
	if err != nil {
		return nil, err
	}
	clients, err := newGuesses(guessesOfClient, cfg.Now)
	if err != nil {
		return nil, err
	}
	return &Accounts{
		cfg:            cfg,
		db:             cfg.DB,
		regions:        cfg.Regions,
		emailKey:       emailKey,
		fingerprintKey: fingerprintKey,
		deviceKey:      deviceKey,
		hasher:         hasher,
		keys:           keys,
		clients:        clients,
	}, nil
}

// mac returns the keyed hash of a text.
func mac(key secret.Bytes, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// accountColumns are what scanAccount reads, of the table accounts under the name a.
const accountColumns = `a.region::text, a.id, a.email, a.name, a.country, a.roles, a.seller_id, a.status,
  a.session_epoch, a.version, a.created_at, a.updated_at`

func scanAccount(row pgx.CollectableRow) (Account, error) {
	var a Account
	err := row.Scan(a.fields()...)
	return a, err
}

// fields returns where to scan accountColumns into.
func (a *Account) fields() []any {
	return []any{&a.Ref.Region, &a.Ref.ID, &a.Email, &a.Name, &a.Country, &a.Roles, (*nullUUID)(&a.Seller), &a.Status,
		&a.SessionEpoch, &a.Version, &a.CreatedAt, &a.UpdatedAt}
}

// nullUUID reads NULL as uuid.Nil.
type nullUUID uuid.UUID

// Scan implements database/sql's Scanner.
func (u *nullUUID) Scan(src any) error {
	var id uuid.NullUUID
	err := id.Scan(src)
	*u = nullUUID(id.UUID)
	return err
}

// queueGet adds the reading of an account to a batch. into stays as it is where there is none.
func queueGet(b *database.Batch, ref regions.Ref, into *Account) {
	b.Queue(`
SELECT `+accountColumns+`
FROM accounts a
WHERE a.region = $1 AND a.id = $2`, ref.Region, ref.ID).Query(database.CollectFirst(into, scanAccount))
}

// Get returns an account that is not closed; else ErrNotFound. One round trip.
func (a *Accounts) Get(ctx context.Context, ref regions.Ref) (Account, error) {
	account, err := database.One(ctx, a.db, scanAccount, `
SELECT `+accountColumns+`
FROM accounts a
WHERE a.region = $1 AND a.id = $2 AND a.status <> 'closed'`, ref.Region, ref.ID)
	return account, accountError(err, "get account")
}

// FindByEmail returns the account of an e-mail address; ErrNotFound if there is none. It is for operators at a
// terminal: no answer to a customer may tell whether an address is known. One round trip.
func (a *Accounts) FindByEmail(ctx context.Context, email string) (Account, error) {
	normal, err := NormalizeEmail(email)
	if err != nil {
		return Account{}, err
	}
	account, err := database.One(ctx, a.db, scanAccount, `
SELECT `+accountColumns+`
FROM email_directory d
JOIN accounts a ON a.region = d.region AND a.id = d.account_id
WHERE d.email_hash = $1`, a.emailHash(normal))
	return account, accountError(err, "find account by e-mail address")
}

// accountError maps the error of a statement on one account: ErrNotFound where there is no such account,
// ErrVersionConflict where its version is another, else err with what was being done.
func accountError(err error, doing string) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case database.Violates(err, "accounts_version_current"):
		return ErrVersionConflict
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
