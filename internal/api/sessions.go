package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/regions"
)

// VerifyWith returns the Deps.VerifyToken of the shop's own accounts.
func VerifyWith(accounts *account.Accounts) func(ctx context.Context, token string) (Principal, error) {
	return func(ctx context.Context, token string) (Principal, error) {
		bearer, err := accounts.VerifyAccessToken(ctx, token)
		switch {
		case errors.Is(err, account.ErrBadAccessToken):
			return Principal{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
		case err != nil:
			return Principal{}, err
		}
		return Principal{
			Account: bearer.Account,
			Roles:   bearer.Roles,
			Seller:  bearer.Seller,
			Session: bearer.Session,
			Expires: bearer.Expires,

			SessionEpoch: bearer.SessionEpoch,
		}, nil
	}
}

// sessionResponse is what a client keeps of having signed in.
type sessionResponse struct {
	Account               accountResponse `json:"account"`
	TokenType             string          `json:"token_type"`
	AccessToken           string          `json:"access_token"`
	AccessTokenExpiresAt  time.Time       `json:"access_token_expires_at"`
	RefreshToken          string          `json:"refresh_token"`
	RefreshTokenExpiresAt time.Time       `json:"refresh_token_expires_at"`
	// DeviceToken makes this device known at the next sign-in.
	DeviceToken string `json:"device_token,omitzero"`
	// Cart is the customer's cart after a guest's was merged into it; CartProblem is the code of why it was not.
	Cart        *cartResponse `json:"cart,omitzero"`
	CartProblem string        `json:"cart_problem,omitzero"`
}

func (s *Server) newSessionResponse(session account.Session) sessionResponse {
	return sessionResponse{
		Account:               s.newAccountResponse(session.Account),
		TokenType:             "Bearer",
		AccessToken:           session.AccessToken,
		AccessTokenExpiresAt:  session.AccessExpires,
		RefreshToken:          session.RefreshToken,
		RefreshTokenExpiresAt: session.RefreshExpires,
		DeviceToken:           session.DeviceToken,
	}
}

type signInRequest struct {
	Email    string             `json:"email"`
	Password string             `json:"password"`
	Cart     *signInCartRequest `json:"cart"`
	// DeviceToken is that of an earlier answer, where the client has one.
	DeviceToken string `json:"device_token"`
}

// signInCartRequest is the cart that somebody filled before they signed in; the request's header has its token.
type signInCartRequest struct {
	ID       string `json:"id"`
	Strategy string `json:"strategy"`
}

// signIn begins a session, and merges the guest's cart where one is named. Everyone may call it.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	var body signInRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	merge, err := s.readSignInCart(r, body.Cart)
	if err != nil {
		return err
	}
	session, err := s.Accounts.SignIn(r.Context(), account.SignInInput{
		Email: body.Email, Password: body.Password, Client: clientNetwork(callOf(r).addr), Device: body.DeviceToken,
	})
	if err != nil {
		return err
	}
	answer := s.newSessionResponse(session)
	if merge != nil {
		s.mergeAtSignIn(r.Context(), session.Account.Ref, *merge, &answer)
	}
	return writeJSON(w, http.StatusCreated, answer)
}

// readSignInCart reads which cart is to be merged, nil for none. The caller must hold its token.
func (s *Server) readSignInCart(r *http.Request, body *signInCartRequest) (*cart.MergeInput, error) {
	if body == nil {
		return nil, nil
	}
	guest, err := s.Regions.ParseID(regions.CartPrefix, body.ID)
	if err != nil {
		return nil, BadRequest("The cart's id is malformed.", FieldError{Field: "cart.id", Message: "must be the id of a cart"})
	}
	if !s.guestHolds(r, guestCart, body.ID) {
		return nil, cart.ErrNotFound
	}
	return &cart.MergeInput{Guest: guest, Strategy: cart.Strategy(body.Strategy)}, nil
}

// mergeAtSignIn merges the guest's cart into the customer's. Its failure is told and does not undo the sign-in.
func (s *Server) mergeAtSignIn(ctx context.Context, customer regions.Ref, in cart.MergeInput, answer *sessionResponse) {
	in.Customer = customer
	merged, err := s.Carts.Merge(ctx, in)
	if err == nil {
		var response cartResponse
		if response, err = s.newCartResponse(ctx, merged); err == nil {
			answer.Cart = &response
			return
		}
	}
	_, row := problemOf(err)
	answer.CartProblem = row.code
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

// refreshSession exchanges a refresh token, which is all that the caller needs, for new tokens.
func (s *Server) refreshSession(w http.ResponseWriter, r *http.Request) error {
	var body refreshRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	session, err := s.Accounts.Refresh(r.Context(), body.RefreshToken)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.newSessionResponse(session))
}

// signOut ends the caller's session.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	if err := s.Accounts.SignOut(r.Context(), p.Account, p.Session); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signOutEverywhere ends every session of the caller's account.
func (s *Server) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	p, err := s.require(r)
	if err != nil {
		return err
	}
	if err := s.Accounts.SignOutEverywhere(r.Context(), p.Account); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
