package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/regions"
)

// A Session is what a client gets for signing in, and again for each refresh.
type Session struct {
	Account Account
	// ID names the sign-in through all its refreshes.
	ID uuid.UUID
	// AccessToken goes with each request until AccessExpires.
	AccessToken   string
	AccessExpires time.Time
	// RefreshToken is good for one use until RefreshExpires.
	RefreshToken   string
	RefreshExpires time.Time
	// DeviceToken makes the device known at later sign-ins (SignInInput.Device); empty after a refresh.
	DeviceToken string
}

// refreshToken is a row's key and the secret that proves its holder. Only a hash of the secret is kept, which needs
// no salt and no slowness: 256 random bits cannot be guessed.
type refreshToken struct {
	ref    regions.Ref
	secret [secretBytes]byte
}

const (
	refreshPrefix = "rft"
	secretBytes   = 32
)

func newRefreshToken(ref regions.Ref) refreshToken {
	t := refreshToken{ref: ref}
	_, _ = rand.Read(t.secret[:]) // never fails
	return t
}

// hash returns what the token's row holds.
func (t refreshToken) hash() []byte {
	sum := sha256.Sum256(t.secret[:])
	return sum[:]
}

var secretEncoding = base64.RawURLEncoding.Strict()

// format writes the token: "rft_euw_<key>.<secret>".
func (t refreshToken) format(set *regions.Set) string {
	return set.FormatID(refreshPrefix, t.ref) + "." + secretEncoding.EncodeToString(t.secret[:])
}

// parseRefreshToken reads a token that format wrote. Every token has one spelling.
func parseRefreshToken(set *regions.Set, text string) (refreshToken, error) {
	id, secret, ok := strings.Cut(text, ".")
	if !ok || len(secret) != secretEncoding.EncodedLen(secretBytes) {
		return refreshToken{}, ErrBadRefreshToken
	}
	ref, err := set.ParseID(refreshPrefix, id)
	if err != nil {
		return refreshToken{}, ErrBadRefreshToken
	}
	t := refreshToken{ref: ref}
	// The decoder skips line ends, so only a comparison tells.
	if _, err := secretEncoding.Decode(t.secret[:], []byte(secret)); err != nil || t.format(set) != text {
		return refreshToken{}, ErrBadRefreshToken
	}
	return t, nil
}

// successor returns the row of the token that this one is exchanged for. It follows from this one's, so that the table's
// primary key lets only one exchange happen.
func (t refreshToken) successor() regions.Ref {
	return regions.Ref{Region: t.ref.Region, ID: uuid.NewHash(sha256.New(), t.ref.ID, []byte("successor"), 8)}
}

// session makes what the client gets out of what was written.
func (a *Accounts) session(
	ctx context.Context, account Account, id uuid.UUID, refresh refreshToken, refreshExpires time.Time,
) (Session, error) {
	key, err := a.keys.signer(ctx)
	if err != nil {
		return Session{}, err
	}
	access, expires, err := a.sign(key, account, id)
	if err != nil {
		return Session{}, fmt.Errorf("make a session: %w", err)
	}
	return Session{
		Account:        account,
		ID:             id,
		AccessToken:    access,
		AccessExpires:  expires,
		RefreshToken:   refresh.format(a.regions),
		RefreshExpires: refreshExpires,
	}, nil
}

// refreshSeconds returns how long a refresh token lives, as SQL takes it.
func (a *Accounts) refreshSeconds() int64 { return int64(a.cfg.RefreshTokenLife / time.Second) }
