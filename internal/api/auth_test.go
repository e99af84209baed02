package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"meridian/internal/secret"
	"meridian/internal/testkit"
)

func TestRequire(t *testing.T) {
	tests := []struct {
		name, authorization string
		roles               []string
		status              int
		code                string
	}{
		{name: "signed in", authorization: "Bearer shopper", status: 200},
		{name: "scheme in another case", authorization: "bearer shopper", status: 200},
		{name: "role", authorization: "Bearer seller", roles: []string{roleSeller}, status: 200},
		{name: "one of the roles", authorization: "Bearer seller", roles: []string{roleOperator, roleSeller}, status: 200},
		{name: "admin has the operators' role", authorization: "Bearer admin", roles: []string{roleOperator}, status: 200},
		{name: "admin is no seller", authorization: "Bearer admin", roles: []string{roleSeller}, status: 403, code: "forbidden"},
		{name: "without the role", authorization: "Bearer shopper", roles: []string{roleOperator}, status: 403, code: "forbidden"},
		{name: "guest", status: 401, code: "unauthenticated"},
		{name: "bad token", authorization: "Bearer forged", status: 401, code: "invalid_token"},
		{name: "another scheme", authorization: "Basic c2hvcHBlcg==", status: 401, code: "invalid_token"},
		{name: "no token", authorization: "Bearer ", status: 401, code: "invalid_token"},
		{name: "huge token", authorization: "Bearer " + strings.Repeat("a", 5000), status: 401, code: "invalid_token"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := around(t, newTestServer(t), func(w http.ResponseWriter, r *http.Request) error {
				p, err := newTestServer(t).require(r, test.roles...)
				if err != nil {
					return err
				}
				return writeJSON(w, http.StatusOK, p.Account.Region)
			})
			var headers []string
			if test.authorization != "" {
				headers = []string{"Authorization", test.authorization}
			}
			w := ask(h, "GET", "/", "", headers...)
			if test.status == http.StatusOK {
				if w.Code != test.status {
					t.Fatalf("answered %d: %s", w.Code, w.Body)
				}
				return
			}
			wantProblem(t, w, test.status, test.code)
			challenge := w.Header().Get("WWW-Authenticate")
			if (test.status == 401) != strings.HasPrefix(challenge, "Bearer") {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
		})
	}
}

func TestRequire_VerificationDown(t *testing.T) {
	s := newTestServer(t, func(d *Deps, _ *Config) {
		d.VerifyToken = func(context.Context, string) (Principal, error) { return Principal{}, errors.New("no keys") }
	})
	h := around(t, s, func(_ http.ResponseWriter, r *http.Request) error {
		_, err := s.require(r)
		return err
	})
	wantProblem(t, ask(h, "GET", "/", "", "Authorization", "Bearer shopper"), http.StatusInternalServerError, "internal")
}

func TestPrincipal_VerifiedOnce(t *testing.T) {
	verified := 0
	s := newTestServer(t, func(d *Deps, c *Config) {
		c.Limits = Limits{}
		d.VerifyToken = func(ctx context.Context, token string) (Principal, error) {
			verified++
			return verifyTestToken(ctx, token)
		}
	})
	h := around(t, s, func(w http.ResponseWriter, r *http.Request) error {
		for range 3 {
			if _, err := s.require(r); err != nil {
				return err
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	if w := ask(h, "GET", "/", "", "Authorization", "Bearer shopper"); w.Code != http.StatusNoContent || verified != 1 {
		t.Errorf("answered %d, verified %d times", w.Code, verified)
	}
}

func TestGuestToken(t *testing.T) {
	s := newTestServer(t)
	token := s.guestToken(guestCart, "crt_euw_a")
	rotated := newTestServer(t, func(_ *Deps, c *Config) {
		c.Secret = []byte(strings.Repeat("n", secret.MinBytes))
		c.PreviousSecrets = []secret.Bytes{testSecret}
	})
	stranger := newTestServer(t, func(_ *Deps, c *Config) { c.Secret = []byte(strings.Repeat("n", secret.MinBytes)) })
	tests := []struct {
		name, token, purpose, id string
		server                   *Server
		want                     bool
	}{
		{"its own", token, guestCart, "crt_euw_a", s, true},
		{"after the secret changed", token, guestCart, "crt_euw_a", rotated, true},
		{"of another secret", token, guestCart, "crt_euw_a", stranger, false},
		{"another id", token, guestCart, "crt_euw_b", s, false},
		{"another purpose", token, guestOrder, "crt_euw_a", s, false},
		{"none", "", guestCart, "crt_euw_a", s, false},
		{"cut off", token[:20], guestCart, "crt_euw_a", s, false},
		{"longer", token + "AAAA", guestCart, "crt_euw_a", s, false},
		{"no base64", "!" + token[1:], guestCart, "crt_euw_a", s, false},
		{"changed", flip(token), guestCart, "crt_euw_a", s, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := testkit.Must(http.NewRequest("GET", "/", nil))(t)
			r.Header.Set(guestTokenHeader, test.token)
			if got := test.server.guestHolds(r, test.purpose, test.id); got != test.want {
				t.Errorf("holds: %v", got)
			}
		})
	}
}

// flip changes the first character of a token to another of the alphabet.
func flip(token string) string {
	if token[0] == 'A' {
		return "B" + token[1:]
	}
	return "A" + token[1:]
}
