package api

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/secret"
)

type testCursor struct {
	Rank int64
	ID   string
}

func TestReadPage(t *testing.T) {
	s := newTestServer(t)
	last := testCursor{Rank: 7, ID: "prd_a"}
	good := nextCursor(s, "products", &last)
	stranger := newTestServer(t, func(_ *Deps, c *Config) { c.Secret = []byte(strings.Repeat("n", secret.MinBytes)) })
	tests := []struct {
		name, query string
		want        database.PageFilter[testCursor]
		code        string
	}{
		{name: "first", want: database.PageFilter[testCursor]{Limit: 20}},
		{name: "limit", query: "limit=100", want: database.PageFilter[testCursor]{Limit: 100}},
		{name: "continued", query: "limit=1&cursor=" + good, want: database.PageFilter[testCursor]{Limit: 1, After: &last}},
		{name: "limit of none", query: "limit=0", code: "bad_request"},
		{name: "limit too large", query: "limit=101", code: "bad_request"},
		{name: "limit is no number", query: "limit=ten", code: "bad_request"},
		{name: "limit twice", query: "limit=1&limit=2", code: "bad_request"},
		{name: "changed", query: "cursor=" + flip(good), code: "bad_cursor"},
		{name: "cut off", query: "cursor=" + good[:len(good)-1], code: "bad_cursor"},
		{name: "signature left out", query: "cursor=" + strings.SplitN(good, ".", 2)[0], code: "bad_cursor"},
		{name: "signature emptied", query: "cursor=" + strings.SplitN(good, ".", 2)[0] + ".", code: "bad_cursor"},
		{name: "of another listing", query: "cursor=" + nextCursor(s, "orders", &last), code: "bad_cursor"},
		{name: "of another secret", query: "cursor=" + nextCursor(stranger, "products", &last), code: "bad_cursor"},
		{name: "of an older version", query: "cursor=" + nextCursor(s, "products", &map[string]int{"old": 1}), code: "bad_cursor"},
		{name: "made up", query: "cursor=" + url.QueryEscape("..%00"), code: "bad_cursor"},
		{name: "huge", query: "cursor=" + strings.Repeat("a", 1025), code: "bad_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readPage[testCursor](s, httptest.NewRequest("GET", "/?"+test.query, nil), "products")
			if test.code != "" {
				var p *Problem
				if !errors.As(err, &p) || p.Code != test.code {
					t.Fatalf("got %v, want %s", err, test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCursor_RoundTrip(t *testing.T) {
	s := newTestServer(t)
	rapid.Check(t, func(t *rapid.T) {
		want := testCursor{Rank: rapid.Int64().Draw(t, "rank"), ID: rapid.StringN(0, 50, 200).Draw(t, "id")}
		var got testCursor
		if err := s.openCursor(nextCursor(s, "l", &want), "l", &got); err != nil || got != want {
			t.Fatalf("got %+v %v, want %+v", got, err, want)
		}
	})
}

// FuzzCursor holds that a cursor is accepted only where it is exactly one that we wrote.
func FuzzCursor(f *testing.F) {
	s := newTestServer(f)
	good := nextCursor(s, "products", &testCursor{Rank: 1, ID: "a"})
	for _, seed := range []string{good, flip(good), good + "=", "", ".", "e30.AAAAAAAAAAAAAAAAAAAAAA", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		var after testCursor
		err := s.openCursor(cursor, "products", &after)
		var p *Problem
		if err != nil && (!errors.As(err, &p) || p.Code != "bad_cursor") {
			t.Fatalf("refused with %v", err)
		}
		if err == nil && nextCursor(s, "products", &after) != cursor {
			t.Fatalf("accepted %q, which is not ours", cursor)
		}
	})
}
