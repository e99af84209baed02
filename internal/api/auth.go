package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/regions"
)

// The roles of accounts that routes ask for.
const (
	roleShopper  = "shopper"
	roleSeller   = "seller"
	roleOperator = "operator"
	roleFinance  = "finance"
	roleAdmin    = "admin"
)

// ErrInvalidToken is wrapped by what Deps.VerifyToken returns for a token that is malformed, forged, expired or
// revoked.
var ErrInvalidToken = errors.New("invalid access token")

// A Principal is who a request's access token stands for.
type Principal struct {
	// Account is the account and its home region.
	Account regions.Ref
	// Roles are what the account may be: shopper, seller, operator, finance, admin.
	Roles []string
	// Seller is the seller the account acts for; uuid.Nil where it has no role seller.
	Seller uuid.UUID
	// Session is the sign-in the token comes from (its family of refresh tokens).
	Session uuid.UUID
	// SessionEpoch is the account's when the token was signed: a checkout compares it with that of now. 0 is not compared.
	SessionEpoch int64
	// Expires is when the token ends.
	Expires time.Time
}

// Has reports whether the principal has one of the roles. An admin has every role but seller, which needs a seller.
func (p Principal) Has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(role string) bool {
		return slices.Contains(p.Roles, role) || (role != roleSeller && slices.Contains(p.Roles, roleAdmin))
	})
}

// bearer is the outcome of looking at the request's token, kept so that it is verified once.
type bearer struct {
	principal Principal
	signedIn  bool
	err       error
}

// principal returns who calls, for routes that guests may call too: ok is false for a request without a token. A
// token that is not good is an error, not a guest.
func (s *Server) principal(r *http.Request) (p Principal, ok bool, err error) {
	call := callOf(r)
	if call.bearer == nil {
		call.bearer = s.readBearer(r)
	}
	return call.bearer.principal, call.bearer.signedIn, call.bearer.err
}

func (s *Server) readBearer(r *http.Request) *bearer {
	header := r.Header.Get("Authorization")
	if header == "" {
		return new(bearer)
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxTokenBytes {
		return &bearer{err: ErrInvalidToken}
	}
	p, err := s.VerifyToken(r.Context(), token)
	if err != nil {
		return &bearer{err: err}
	}
	return &bearer{principal: p, signedIn: true}
}

// maxTokenBytes bounds what is handed to the verification of tokens.
const maxTokenBytes = 4096

// require returns who calls, or the 401 or 403 that says why they may not: they need one of the roles, or only to be
// signed in where none is named. It is the first line of a handler that is not for everyone.
func (s *Server) require(r *http.Request, roles ...string) (Principal, error) {
	p, ok, err := s.principal(r)
	switch {
	case err != nil:
		return Principal{}, err
	case !ok:
		return Principal{}, &Problem{Code: "unauthenticated"}
	case len(roles) > 0 && !p.Has(roles...):
		return Principal{}, forbidden("This needs the role " + strings.Join(roles, " or ") + ".")
	}
	return p, nil
}

// challenge returns the WWW-Authenticate header of a 401.
func challenge(code string) string {
	if code == "invalid_token" {
		return `Bearer realm="meridian", error="invalid_token"`
	}
	return `Bearer realm="meridian"`
}
