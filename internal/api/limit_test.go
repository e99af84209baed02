package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAdmit(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	s := newTestServer(t, func(d *Deps, c *Config) {
		d.Now = func() time.Time { return now }
		c.Limits = Limits{Default: Rate{Requests: 2, Window: 10 * time.Second}, SignIn: Rate{Requests: 1, Window: time.Minute}}
	})
	done := func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	ordinary, signIn, probe := around(t, s, done), around(t, s, done, testsSecret), around(t, s, done, unlimited)
	call := func(h http.Handler, addr, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = addr + ":1"
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	headers := func(w *httptest.ResponseRecorder) []string {
		h := w.Header()
		return []string{h.Get("RateLimit-Limit"), h.Get("RateLimit-Remaining"), h.Get("RateLimit-Reset"), h.Get("RateLimit-Policy")}
	}

	first := call(ordinary, "203.0.113.7", "")
	if diff := cmp.Diff([]string{"2", "1", "5", "2;w=10"}, headers(first)); diff != "" {
		t.Error(diff)
	}
	if w := call(ordinary, "203.0.113.7", "forged"); w.Code != http.StatusNoContent {
		t.Errorf("the second answered %d", w.Code)
	}
	third := call(ordinary, "203.0.113.7", "")
	wantProblem(t, third, http.StatusTooManyRequests, "too_many_requests")
	if got := third.Header().Get("Retry-After"); got != "5" {
		t.Errorf("Retry-After %q", got)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"another address":            call(ordinary, "203.0.113.8", ""),
		"an account at that address": call(ordinary, "203.0.113.7", "shopper"),
		"a probe":                    call(probe, "203.0.113.7", ""),
		"a sign-in":                  call(signIn, "203.0.113.7", ""),
	} {
		if w.Code != http.StatusNoContent {
			t.Errorf("%s answered %d", name, w.Code)
		}
	}
	// A secret is tried against an address, whoever says to be signed in there.
	wantProblem(t, call(signIn, "203.0.113.7", "shopper"), http.StatusTooManyRequests, "too_many_requests")

	now = now.Add(5 * time.Second)
	if w := call(ordinary, "203.0.113.7", ""); w.Code != http.StatusNoContent {
		t.Errorf("after Retry-After answered %d", w.Code)
	}
}
