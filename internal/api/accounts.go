package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/regions"
)

// accountResponse is an account as its owner sees it.
type accountResponse struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Name       string    `json:"name"`
	Country    string    `json:"country"`
	HomeRegion string    `json:"home_region"`
	Roles      []string  `json:"roles"`
	Seller     string    `json:"seller_id,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

func (s *Server) newAccountResponse(a account.Account) accountResponse {
	return accountResponse{
		ID:         s.Regions.FormatID(regions.AccountPrefix, a.Ref),
		Email:      a.Email,
		Name:       a.Name,
		Country:    a.Country,
		HomeRegion: a.Ref.Region,
		Roles:      a.Roles,
		Seller:     sellerID(a.Seller),
		CreatedAt:  a.CreatedAt,
		UpdatedAt:  a.UpdatedAt,
	}
}

// sellerID returns a seller's public id, "" for none.
func sellerID(seller uuid.UUID) string {
	if seller == uuid.Nil {
		return ""
	}
	return regions.FormatGlobalID(regions.SellerPrefix, seller)
}

type registerRequest struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
	Country  string `json:"country"`
}

// registerAccount makes an account and signs it in. Everyone may call it.
func (s *Server) registerAccount(w http.ResponseWriter, r *http.Request) error {
	var body registerRequest
	key, err := s.readIdempotent(r, &body)
	if err != nil {
		return err
	}
	session, err := s.Accounts.Register(r.Context(), account.RegisterInput{
		Email:       body.Email,
		Password:    body.Password,
		Name:        body.Name,
		Country:     body.Country,
		Client:      clientNetwork(callOf(r).addr),
		Idempotency: key,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/account")
	return writeJSON(w, http.StatusCreated, s.newSessionResponse(session))
}

// getAccount answers the caller's account.
func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	found, err := s.Accounts.Get(r.Context(), p.Account)
	if err != nil {
		return err
	}
	return s.writeAccount(w, found)
}

func (s *Server) writeAccount(w http.ResponseWriter, a account.Account) error {
	w.Header().Set("ETag", versionETag(a.Version))
	return writeJSON(w, http.StatusOK, s.newAccountResponse(a))
}

type updateAccountRequest struct {
	Name    *string `json:"name"`
	Country *string `json:"country"`
}

// updateAccount changes the caller's profile, based on the version they read.
func (s *Server) updateAccount(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	var body updateAccountRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	updated, err := s.Accounts.Update(r.Context(), account.UpdateInput{
		Account: p.Account, Version: version, Name: body.Name, Country: body.Country,
	})
	if err != nil {
		return err
	}
	return s.writeAccount(w, updated)
}

type closeAccountRequest struct {
	Password string `json:"password"`
}

// closeAccount ends the caller's account for good. It asks for the password again.
func (s *Server) closeAccount(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	var body closeAccountRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if err := s.Accounts.Close(r.Context(), account.CloseInput{Account: p.Account, Password: body.Password}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type changePasswordRequest struct {
	CurrentPassword string `json:"current_password"`
	NewPassword     string `json:"new_password"`
}

// changePassword replaces the caller's password and ends their other sessions.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	var body changePasswordRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	err = s.Accounts.ChangePassword(r.Context(), account.ChangePasswordInput{
		Account: p.Account, Session: p.Session, Current: body.CurrentPassword, New: body.NewPassword,
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type rolesRequest struct {
	Roles  []string `json:"roles"`
	Seller string   `json:"seller_id"`
}

// rolesResponse is what an account may be. It holds nothing of the person.
type rolesResponse struct {
	Account string   `json:"account_id"`
	Roles   []string `json:"roles"`
	Seller  string   `json:"seller_id,omitzero"`
}

// setRoles replaces the roles of an account. Only admins may, and not their own, so that there is always one left.
func (s *Server) setRoles(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r, roleAdmin)
	if err != nil {
		return err
	}
	ref, err := s.pathRef(r, "account_id", regions.AccountPrefix)
	if err != nil {
		return err
	}
	if ref == p.Account {
		return forbidden("Your own roles are for another admin to change.")
	}
	in, err := readRoles(r, ref)
	if err != nil {
		return err
	}
	changed, err := s.Accounts.SetRoles(r.Context(), in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rolesResponse{
		Account: s.Regions.FormatID(regions.AccountPrefix, changed.Ref),
		Roles:   changed.Roles,
		Seller:  sellerID(changed.Seller),
	})
}

func readRoles(r *http.Request, ref regions.Ref) (account.SetRolesInput, error) {
	var body rolesRequest
	if err := readJSON(r, &body); err != nil {
		return account.SetRolesInput{}, err
	}
	in := account.SetRolesInput{Account: ref, Roles: body.Roles}
	if body.Seller == "" {
		return in, nil
	}
	var err error
	if in.Seller, err = regions.ParseGlobalID(regions.SellerPrefix, body.Seller); err != nil {
		return in, BadRequest("The seller's id is malformed.", FieldError{Field: "seller_id", Message: "must be the id of a seller"})
	}
	return in, nil
}

// jwkResponse is an Ed25519 public key by RFC 8037.
type jwkResponse struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	X         string `json:"x"`
}

type jwksResponse struct {
	Keys []jwkResponse `json:"keys"`
}

// jwksAge is how long the keys may be kept. A new one is published an hour before it signs.
const jwksAge = 10 * time.Minute

// getKeys answers the keys that access tokens are checked with. Everyone may call it.
func (s *Server) getKeys(w http.ResponseWriter, r *http.Request) error {
	keys, readAt, err := s.Accounts.PublicKeys(r.Context())
	if err != nil {
		return err
	}
	var answer jwksResponse
	for _, key := range keys {
		answer.Keys = append(answer.Keys, jwkResponse{
			KeyType: "OKP", Curve: "Ed25519", Use: "sig", Algorithm: "EdDSA", ID: key.ID,
			X: base64.RawURLEncoding.EncodeToString(key.Key),
		})
	}
	cachePublic(w, jwksAge)
	setAge(w, s.Now().Sub(readAt))
	if notModified(w, r, contentETag(marshal(answer))) {
		return nil
	}
	return writeJSON(w, http.StatusOK, answer)
}

// guessedTooOften adds how long the guesser has to wait.
func guessedTooOften(err error, p *Problem) {
	var throttled *account.ThrottledError
	if errors.As(err, &throttled) {
		p.RetryAfter = throttled.RetryAfter
	}
}
