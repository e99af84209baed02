package account

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"meridian/regions"
)

const (
	// issuer is both who signs access tokens and whom they are for.
	issuer = "meridian"
	// leeway is how far the clocks of two pods may be apart.
	leeway = 5 * time.Second
	// maxAccessTokenBytes bounds what is decoded at all; a token has about 600.
	maxAccessTokenBytes = 4096
)

// A Bearer is the holder of a valid access token, as of when it was signed.
type Bearer struct {
	// Account is the account and its home region.
	Account regions.Ref
	Roles   []string
	// Seller is whom an account with the role seller acts for; else uuid.Nil.
	Seller uuid.UUID
	// Session is the sign-in that the token comes from.
	Session uuid.UUID
	// SessionEpoch is the account's when the token was signed.
	SessionEpoch int64
	// Expires is when the token ends.
	Expires time.Time
}

// claims is an access token's payload. hr tells the edge where the account is at home without knowing our ids.
type claims struct {
	jwt.RegisteredClaims
	HomeRegion   string   `json:"hr"`
	Roles        []string `json:"roles"`
	Session      string   `json:"sid"`
	SessionEpoch int64    `json:"epoch"`
	Seller       string   `json:"sel,omitempty"`
}

// sign returns an access token for the account's session, and when it ends.
func (a *Accounts) sign(key signingKey, account Account, session uuid.UUID) (token string, expires time.Time, err error) {
	now := a.cfg.Now().Truncate(time.Second)
	expires = now.Add(a.cfg.AccessTokenLife)
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Subject:   a.regions.FormatID(regions.AccountPrefix, account.Ref),
			Audience:  jwt.ClaimStrings{issuer},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		HomeRegion:   account.Ref.Region,
		Roles:        account.Roles,
		Session:      session.String(),
		SessionEpoch: account.SessionEpoch,
	}
	if account.Seller != uuid.Nil {
		c.Seller = regions.FormatGlobalID(regions.SellerPrefix, account.Seller)
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	unsigned.Header["kid"] = key.id
	if token, err = unsigned.SignedString(key.private); err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	return token, expires, nil
}

// VerifyAccessToken returns the token's holder. It makes no round trip once the process has read the signing keys. The
// error wraps ErrBadAccessToken for an invalid token; any other error says that the token could not be checked.
func (a *Accounts) VerifyAccessToken(ctx context.Context, token string) (Bearer, error) {
	if len(token) > maxAccessTokenBytes {
		return Bearer{}, ErrBadAccessToken
	}
	var unavailable error
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(a.cfg.Now),
	)
	var c claims
	_, err := parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		key, err := a.publicKey(ctx, t)
		if !errors.Is(err, ErrBadAccessToken) {
			unavailable = err
		}
		return key, err
	})
	switch {
	case unavailable != nil:
		return Bearer{}, fmt.Errorf("verify an access token: %w", unavailable)
	case err != nil:
		// The library's error may repeat parts of the token: it is not passed on.
		return Bearer{}, ErrBadAccessToken
	}
	return a.bearer(c)
}

// publicKey finds the key that the token's header names.
func (a *Accounts) publicKey(ctx context.Context, t *jwt.Token) (ed25519.PublicKey, error) {
	id, ok := t.Header["kid"].(string)
	if !ok || id == "" {
		return nil, ErrBadAccessToken
	}
	key, ok, err := a.keys.verifier(ctx, id)
	if err == nil && !ok {
		err = ErrBadAccessToken
	}
	return key, err
}

// bearer reads the claims of a token whose signature and times are good. We signed them, so a fault here means that
// another version of this program did.
func (a *Accounts) bearer(c claims) (Bearer, error) {
	account, err1 := a.regions.ParseID(regions.AccountPrefix, c.Subject)
	session, err2 := uuid.Parse(c.Session)
	seller := uuid.Nil
	var err3 error
	if c.Seller != "" {
		seller, err3 = regions.ParseGlobalID(regions.SellerPrefix, c.Seller)
	}
	if errors.Join(err1, err2, err3) != nil || account.Region != c.HomeRegion || c.IssuedAt == nil ||
		c.ExpiresAt.Sub(c.IssuedAt.Time) > maxAccessLife {
		return Bearer{}, ErrBadAccessToken
	}
	return Bearer{
		Account:      account,
		Roles:        c.Roles,
		Seller:       seller,
		Session:      session,
		SessionEpoch: c.SessionEpoch,
		Expires:      c.ExpiresAt.Time,
	}, nil
}

// A PublicKey is what others check access tokens with.
type PublicKey struct {
	// ID is what a token's header kid names.
	ID  string
	Key ed25519.PublicKey
}

// PublicKeys returns the keys of every access token that can be good now or soon, for /.well-known/jwks.json. They are
// ten minutes old at most: one round trip then, else none. readAt is when they were read.
func (a *Accounts) PublicKeys(ctx context.Context) (keys []PublicKey, readAt time.Time, err error) {
	set, err := a.keys.published(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	now := a.cfg.Now()
	for _, key := range set.keys {
		if key.ends.After(now) {
			keys = append(keys, PublicKey{ID: key.id, Key: key.public()})
		}
	}
	return keys, set.readAt, nil
}
