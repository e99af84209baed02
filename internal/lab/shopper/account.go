package shopper

import (
	"context"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// Account is a customer's or an operator's account whose session is renewed when it runs out.
// It is safe for concurrent use.
type Account struct {
	client.RegisterInput

	mu      sync.Mutex
	session client.Session
}

// NewAccount returns an account with its credentials and the session it has, if any.
func NewAccount(in client.RegisterInput, session client.Session) *Account {
	return &Account{RegisterInput: in, session: session}
}

// margin is how long a session must still be valid to be used for a call.
const margin = time.Minute

// Register creates the account at the shop, or signs in if it exists.
func (a *Account) Register(ctx context.Context, c *client.Client, key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	session, err := c.Register(ctx, key, a.RegisterInput)
	if client.CodeOf(err) == "email_taken" {
		session, err = c.SignIn(ctx, a.Email, a.Password)
	}
	if err == nil {
		a.session = session
	}
	return err
}

// SignIn opens a new session, for instance one with the account's new roles.
func (a *Account) SignIn(ctx context.Context, c *client.Client) error {
	_, err := a.renew(ctx, c, a.Session().By())
	return err
}

// Session returns the latest session; the zero value before the first.
func (a *Account) Session() client.Session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.session
}

// Do makes a call as the account. It signs in first if the session is about to run out, and
// once more if the shop no longer accepts its token.
func (a *Account) Do(ctx context.Context, c *client.Client, call func(by client.By) error) error {
	by, err := a.renew(ctx, c, client.By{})
	if err != nil {
		return err
	}
	if err = call(by); client.CodeOf(err) != "invalid_token" {
		return err
	}
	if by, err = a.renew(ctx, c, by); err != nil {
		return err
	}
	return call(by)
}

// renew returns a valid token other than refused. Only one of several callers signs in.
func (a *Account) renew(ctx context.Context, c *client.Client, refused client.By) (client.By, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Until(a.session.ExpiresAt) > margin && a.session.By() != refused {
		return a.session.By(), nil
	}
	session, err := c.SignIn(ctx, a.Email, a.Password)
	if err == nil {
		a.session = session
	}
	return a.session.By(), err
}
