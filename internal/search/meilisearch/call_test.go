package meilisearch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// failing answers the first n requests to a path with a status, and then lets them through.
func (f *fake) failing(path string, n, status int, retryAfter string) {
	f.set(func() {
		f.intercept = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.URL.Path != path || n == 0 {
				return false
			}
			n--
			if status == 0 {
				panic(http.ErrAbortHandler) // the connection breaks off
			}
			w.Header().Set("Retry-After", retryAfter)
			http.Error(w, `{"message":"about the private text","code":"too_many_search_requests","type":"system","link":""}`, status)
			return true
		}
	})
}

// TestSearchAgain: a search is sent once more, whole, when that may help.
func TestSearchAgain(t *testing.T) {
	tests := []struct {
		name            string
		failures        int
		status          int
		retryAfter      string
		tries           int
		wantUnavailable bool
	}{
		{"too busy for a moment", 1, 503, "", 2, false},
		{"bad gateway", 1, 502, "", 2, false},
		{"the connection breaks off", 1, 0, "", 2, false},
		{"too busy", 9, 503, "", 2, true},
		{"too busy for longer than anybody waits", 9, 503, "3600", 1, true},
		{"the key is wrong", 9, 401, "", 1, true},
		{"an error of its own", 9, 500, "", 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			s := f.open()
			apply(t, s.Live(), changes(3, "1"))
			f.failing("/multi-search", tt.failures, tt.status, tt.retryAfter)
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
			defer cancel()
			result, err := s.Live().Search(ctx, search.Query{Text: "lantern", Limit: 10})
			asked := f.made("POST /multi-search")
			if len(asked) != tt.tries || asked[0] != asked[len(asked)-1] || !strings.Contains(asked[0], `"q":"lantern "`) {
				t.Errorf("it was asked %d times, want %d, with the same body: %q", len(asked), tt.tries, asked)
			}
			if errors.Is(err, search.ErrUnavailable) != tt.wantUnavailable || !tt.wantUnavailable && (err != nil || result.Total != 3) {
				t.Errorf("a total of %d and the error %v", result.Total, err)
			}
		})
	}
}

// TestApplyAgain: writes are sent again with their bodies, however the server fails.
func TestApplyAgain(t *testing.T) {
	for _, status := range []int{0, 502, 503, 504} {
		f := newFake(t)
		s := f.open()
		f.failing("/indexes/products/documents", 2, status, "")
		apply(t, s.Live(), changes(3, "1"))
		sent := f.products()
		if len(sent) != 3 || sent[0] != sent[2] || len(sent[0]) < 100 {
			t.Errorf("status %d: documents were sent %d times, want three times the same", status, len(sent))
		}
		wantState(t, s.Live(), 3, "1")
	}
}

// TestErrorsKeepSecrets: nothing of the key, the text, the filter or the server's message is in an error.
func TestErrorsKeepSecrets(t *testing.T) {
	f := newFake(t)
	s := f.open()
	q := search.Query{Text: "private text", Filter: search.Filter{Brands: []string{"private brand"}}, Limit: 1}
	faults := map[string]func(w http.ResponseWriter){
		"refused":    func(w http.ResponseWriter) { f.answer(w, http.StatusBadRequest, "invalid_search_q") },
		"filter":     func(w http.ResponseWriter) { f.answer(w, http.StatusBadRequest, "invalid_search_filter") },
		"key":        func(w http.ResponseWriter) { f.answer(w, http.StatusForbidden, "invalid_api_key") },
		"no JSON":    func(w http.ResponseWriter) { w.Write([]byte("<html>private text</html>")) },
		"broken off": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://elsewhere.example/")
			w.WriteHeader(http.StatusFound)
		},
	}
	for name, fault := range faults {
		f.set(func() {
			f.intercept = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { fault(w); return true }
		})
		_, err := s.Live().Search(t.Context(), q)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, secret := range []string{testKey, "private", f.server.URL} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error %q has %q in it", name, err, secret)
			}
		}
		if unavailable := errors.Is(err, search.ErrUnavailable); unavailable == (name == "refused" || name == "redirect") {
			t.Errorf("%s: %v; it wraps search.ErrUnavailable: %t", name, err, unavailable)
		}
	}
}

func TestServerGone(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if _, err := s.Live().Search(ctx, search.Query{}); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("Search: %v, want search.ErrUnavailable", err)
	}
	if err := s.Live().Apply(ctx, changes(1, "1")); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("Apply: %v, want search.ErrUnavailable", err)
	}
}

// TestSlowServer: a search ends with its deadline, and with the shopper who leaves.
func TestSlowServer(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	e := testkit.Must(NewEngine(Config{URL: slow.URL}))(t)
	defer e.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := e.Search(ctx, search.Query{}); !errors.Is(err, search.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a search that takes too long: %v", err)
	}
	leaving, leave := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, leave)
	if _, err := e.Search(leaving, search.Query{}); !errors.Is(err, context.Canceled) || errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a search that nobody waits for: %v", err)
	}
}

// TestEngine: another region's server is asked with a key that may search, and nothing else is asked of it.
func TestEngine(t *testing.T) {
	f := newFake(t)
	apply(t, f.open().Live(), changes(3, "1"))
	asked := len(f.made(""))
	e := testkit.Must(NewEngine(f.config()))(t)
	if result, err := e.Search(t.Context(), search.Query{Text: "lantern", Limit: 2}); err != nil || result.Total != 3 ||
		len(result.Hits) != 2 {
		t.Errorf("%d of %d hits (%v), want 2 of 3", len(result.Hits), result.Total, err)
	}
	if requests := f.made("")[asked:]; len(requests) != 1 || !strings.HasPrefix(requests[0], "POST /multi-search ") {
		t.Errorf("the requests are %q, want one search", requests)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Search(t.Context(), search.Query{}); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a closed engine: %v, want search.ErrUnavailable", err)
	}
}

func TestValidate(t *testing.T) {
	for _, cfg := range []Config{{}, {URL: "meili:7700"}, {URL: "ftp://meili"}, {URL: "http://user:secret@meili"},
		{URL: "http://meili", Index: "a b"}, {URL: "http://meili", Timeout: -1}} {
		if err := cfg.Validate(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want a fault that shows no secret", cfg, err)
		}
		if _, err := Open(t.Context(), cfg); err == nil {
			t.Errorf("%+v is opened", cfg)
		}
		if _, err := NewEngine(cfg); err == nil {
			t.Errorf("%+v makes an engine", cfg)
		}
	}
	if err := (Config{URL: "https://meili.internal:7700/"}).Validate(); err != nil {
		t.Error(err)
	}
}
