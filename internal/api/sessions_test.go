package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestSignIn(t *testing.T) {
	a := newAccountShop(t)
	registered := a.register("aoife@example.com")
	w := a.do("", "POST", "/v1/sessions", credentialsOf("Aoife@Example.com", testPassword), 201)
	wantTrips(t, w, 2)
	if session := a.session(w); session.Account.ID != registered.Account.ID || session.RefreshToken == registered.RefreshToken {
		t.Errorf("signed in as %+v", session.Account)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	// Whatever is wrong, the answer is the same but for the request id.
	var first string
	for _, body := range []string{
		credentialsOf("aoife@example.com", "wrong password"), credentialsOf("nobody@example.com", testPassword),
		credentialsOf("not an address", testPassword), credentialsOf("", ""), credentialsOf("nobody@example.com", strings.Repeat("x", 5000)),
	} {
		w := a.do("", "POST", "/v1/sessions", body, 401, "X-Request-Id", "same")
		wantProblem(t, w, 401, "bad_credentials")
		if first == "" {
			first = w.Body.String()
		}
		if w.Body.String() != first {
			t.Errorf("answers differ:\n%s\n%s", first, w.Body)
		}
	}
}

func TestSignIn_Throttled(t *testing.T) {
	a := newAccountShop(t)
	a.register("aoife@example.com")
	for range 5 {
		a.do("", "POST", "/v1/sessions", credentialsOf("aoife@example.com", "wrong password"), 401)
	}
	w := a.do("", "POST", "/v1/sessions", credentialsOf("aoife@example.com", testPassword), 429)
	wantProblem(t, w, 429, "too_many_guesses")
	if got := w.Header().Get("Retry-After"); got == "" || got == "0" {
		t.Errorf("Retry-After %q", got)
	}
}

func TestSignIn_RateLimit(t *testing.T) {
	a := newAccountShop(t)
	s := newTestServer(t, func(d *Deps, c *Config) {
		d.Accounts = a.accounts
		c.Limits.SignIn = Rate{Requests: 2, Window: signInRate.Window}
	})
	h := validated(t, s.Handler())
	for range 2 {
		wantProblem(t, ask(h, "POST", "/v1/sessions", credentialsOf("nobody@example.com", testPassword)), 401, "bad_credentials")
	}
	wantProblem(t, ask(h, "POST", "/v1/sessions", credentialsOf("nobody@example.com", testPassword)), 429, "too_many_requests")
	wantProblem(t, ask(h, "POST", "/v1/accounts", registration("aoife@example.com", "IE"), "Idempotency-Key", "k"), 429, "too_many_requests")
}

func TestSignIn_Cart(t *testing.T) {
	a := newAccountShop(t)
	a.register("aoife@example.com")
	id := a.server.Regions.FormatID(regions.CartPrefix, regions.Ref{Region: "us-east", ID: uuid.New()})
	body := func(id, strategy string) string {
		return fmt.Sprintf(`{"email":"aoife@example.com","password":%q,"cart":{"id":%q,"strategy":%q}}`, testPassword, id, strategy)
	}
	token := a.server.guestToken(guestCart, id)
	// A cart that is not there, or a strategy that is none, is told and does not undo the sign-in.
	for strategy, want := range map[string]string{"sum": "not_found", "shuffle": "bad_request"} {
		session := a.session(a.do("", "POST", "/v1/sessions", body(id, strategy), 201, guestTokenHeader, token))
		if session.CartProblem != want || session.AccessToken == "" {
			t.Errorf("strategy %s: cart problem %q, want %q", strategy, session.CartProblem, want)
		}
	}
	wantProblem(t, a.do("", "POST", "/v1/sessions", body(id, "sum"), 404, guestTokenHeader, "forged"), 404, "not_found")
	wantProblem(t, a.do("", "POST", "/v1/sessions", body(id, "sum"), 404), 404, "not_found")
	wantProblem(t, a.do("", "POST", "/v1/sessions", body("mine", "sum"), 400, guestTokenHeader, token), 400, "bad_request")
}

func TestRefreshSession(t *testing.T) {
	a := newAccountShop(t)
	first := a.register("aoife@example.com")
	body := func(token string) string { return fmt.Sprintf(`{"refresh_token":%q}`, token) }
	w := a.do("", "POST", "/v1/sessions:refresh", body(first.RefreshToken), 200)
	wantTrips(t, w, 1)
	second := a.session(w)
	a.do(second.AccessToken, "GET", "/v1/account", "", 200)
	wantProblem(t, a.do("", "POST", "/v1/sessions:refresh", body(first.RefreshToken), 401), 401, "refresh_token_reused")
	wantProblem(t, a.do("", "POST", "/v1/sessions:refresh", body(second.RefreshToken), 401), 401, "refresh_token_invalid")
	wantProblem(t, a.do("", "POST", "/v1/sessions:refresh", body("rft_euw_x.y"), 401), 401, "refresh_token_invalid")
}

func TestSignOut(t *testing.T) {
	a := newAccountShop(t)
	one := a.register("aoife@example.com")
	two := a.session(a.do("", "POST", "/v1/sessions", credentialsOf("aoife@example.com", testPassword), 201))
	wantTrips(t, a.do(one.AccessToken, "DELETE", "/v1/sessions/current", "", 204), 1)
	refresh := func(session testSession, status int) testSession {
		t.Helper()
		return a.session(a.do("", "POST", "/v1/sessions:refresh", fmt.Sprintf(`{"refresh_token":%q}`, session.RefreshToken), status))
	}
	refresh(one, 401)
	two = refresh(two, 200)
	wantTrips(t, a.do(two.AccessToken, "DELETE", "/v1/sessions", "", 204), 1)
	refresh(two, 401)
	wantProblem(t, a.do("", "DELETE", "/v1/sessions", "", 401), 401, "unauthenticated")
	wantProblem(t, a.do("", "DELETE", "/v1/sessions/current", "", 401), 401, "unauthenticated")
}

// TestVerifyWith_DatabaseAway holds that a token which cannot be checked is not called a bad one.
func TestVerifyWith_DatabaseAway(t *testing.T) {
	url := databasetest.URL(t)
	shipped := testkit.Must(regions.Shipped())(t)
	cheap := account.Argon2{MemoryKiB: 16, Passes: 1, Lanes: 1}
	warm, err := account.New(account.Config{DB: databasetest.Open(t, url, "eu-west"), Regions: shipped, Secret: testSecret, Argon2: cheap})
	if err != nil {
		t.Fatal(err)
	}
	session, err := warm.Register(t.Context(), account.RegisterInput{Email: "aoife@example.com", Password: testPassword, Name: "Aoife",
		Country: "IE"})
	if err != nil {
		t.Fatal(err)
	}
	gone := databasetest.Open(t, url, "eu-west")
	cold := testkit.Must(account.New(account.Config{DB: gone, Regions: shipped, Secret: testSecret, Argon2: cheap}))(t)
	verify := VerifyWith(cold)
	if p, err := verify(t.Context(), session.AccessToken); err != nil || p.Account != session.Account.Ref || p.Session != session.ID {
		t.Errorf("the token stands for %+v %v", p, err)
	}
	if _, err := verify(t.Context(), session.AccessToken+"x"); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a bad token: got %v", err)
	}
	cold = testkit.Must(account.New(account.Config{DB: gone, Regions: shipped, Secret: testSecret, Argon2: cheap}))(t)
	gone.Close()
	if _, err := VerifyWith(cold)(t.Context(), session.AccessToken); err == nil || errors.Is(err, ErrInvalidToken) {
		t.Errorf("a token that could not be checked: got %v", err)
	}
}
