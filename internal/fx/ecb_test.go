package fx

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"meridian/internal/testkit"
)

// site is a source over HTTP that answers as handler says, and how often it was asked.
func site(t *testing.T, handler http.HandlerFunc, change func(*ECBConfig)) (*ECB, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	config := ECBConfig{Location: server.URL + "/eurofxref-hist.csv?key=hunter2"}
	if change != nil {
		change(&config)
	}
	e := testkit.Must(NewECB(config))(t)
	return e, &asked
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	}
}

func TestECB(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rates.csv")
	testkit.NoError(t, os.WriteFile(file, []byte(history), 0o600))
	local := testkit.Must(NewECB(ECBConfig{Location: file}))(t)
	remote, _ := site(t, answer(200, history), nil)
	for name, e := range map[string]*ECB{"a file": local, "a site": remote} {
		if quotes, err := e.Fetch(t.Context()); err != nil || len(quotes) != 3 || e.Name() != "ecb" {
			t.Errorf("%s: got %v, %v", name, quotes, err)
		}
	}
}

func TestECB_Failures(t *testing.T) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"an error", answer(503, "away"), "the answer is 503 Service Unavailable"},
		{"a page", answer(200, "<html/>"), "there is no rate in it"},
		{"bad rates", answer(200, "Date,USD\n2026-04-13,x\n"), "line 2, column 12: USD"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}, "deadline exceeded"},
		{"too much", answer(200, strings.Repeat(" ", maxFileBytes+1)), "the file has more than 32 MB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, _ := site(t, test.handler, func(c *ECBConfig) {
				if test.name == "no answer" {
					c.Timeout = 50 * time.Millisecond
				}
			})
			_, err := e.Fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "/eurofxref-hist.csv:") ||
				strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	gone := testkit.Must(NewECB(ECBConfig{Location: filepath.Join(t.TempDir(), "none.csv")}))(t)
	if _, err := gone.Fetch(t.Context()); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), "none.csv") != 1 {
		t.Errorf("no file: got %v", err)
	}
	for _, location := range []string{"", "ftp://ecb.example/rates.csv", "http://", "https://a b/"} {
		if _, err := NewECB(ECBConfig{Location: location}); err == nil {
			t.Errorf("location %q is taken", location)
		}
	}
}

// The breaker leaves a site alone that failed three times in a row, and closes when it answers.
func TestECB_Breaker(t *testing.T) {
	var healthy atomic.Bool
	e, asked := site(t, func(w http.ResponseWriter, r *http.Request) {
		if healthy.Load() {
			answer(200, history)(w, r)
			return
		}
		answer(500, "")(w, r)
	}, func(c *ECBConfig) { c.BreakerPause = 50 * time.Millisecond })
	for range 3 {
		if _, err := e.Fetch(t.Context()); err == nil || errors.Is(err, gobreaker.ErrOpenState) {
			t.Fatalf("got %v, want the site's error", err)
		}
	}
	if state := e.breaker.State(); state == gobreaker.StateClosed {
		t.Fatalf("the breaker is %s after %d failures", state, asked.Load())
	}
	healthy.Store(true)
	deadline := time.Now().Add(30 * time.Second)
	for _, err := e.Fetch(t.Context()); err != nil; _, err = e.Fetch(t.Context()) {
		if !errors.Is(err, gobreaker.ErrOpenState) || time.Now().After(deadline) {
			t.Fatalf("got %v, want that the breaker is open", err)
		}
	}
	if asked.Load() != 4 || e.breaker.State() != gobreaker.StateClosed {
		t.Errorf("asked %d times, want 3 that fail and 1 that works; the breaker is %s", asked.Load(), e.breaker.State())
	}
}

func TestECB_CallerGone(t *testing.T) {
	e, _ := site(t, answer(200, history), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if _, err := e.Fetch(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := e.Fetch(t.Context()); err != nil {
		t.Errorf("callers that went opened the breaker: %v", err)
	}
}
