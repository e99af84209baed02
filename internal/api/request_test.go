package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"pgregory.net/rapid"

	"meridian/internal/idempotency"
	"meridian/regions"
)

func TestIfMatch(t *testing.T) {
	for _, test := range []struct {
		header string
		want   int64
		code   string
	}{
		{header: `"v3"`, want: 3},
		{header: `"v3-gzip"`, want: 3},
		{header: "", code: "precondition_required"},
		{header: "*", code: "bad_request"},
		{header: `"v1", "v2"`, code: "bad_request"},
		{header: `W/"v3"`, code: "precondition_failed"},
		{header: `v3`, code: "precondition_failed"},
		{header: `"v03"`, code: "precondition_failed"},
		{header: `"v0"`, code: "precondition_failed"},
		{header: `"v-1"`, code: "precondition_failed"},
		{header: `"v9223372036854775808"`, code: "precondition_failed"},
		{header: `"abc"`, code: "precondition_failed"},
	} {
		t.Run(test.header, func(t *testing.T) {
			r := httptest.NewRequest("PATCH", "/", nil)
			if test.header != "" {
				r.Header.Set("If-Match", test.header)
			}
			got, err := ifMatch(r)
			var p *Problem
			if errors.As(err, &p) != (test.code != "") || (p != nil && p.Code != test.code) || got != test.want {
				t.Errorf("got %d %v, want %d %q", got, err, test.want, test.code)
			}
		})
	}
}

func TestNotModified(t *testing.T) {
	for _, test := range []struct {
		header string
		want   bool
	}{
		{`"v3"`, true}, {`W/"v3"`, true}, {`"v3-gzip"`, true}, {`"a", "v3"`, true}, {"*", true},
		{"", false}, {`"v2"`, false}, {"v3", false},
	} {
		t.Run(test.header, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("If-None-Match", test.header)
			w := httptest.NewRecorder()
			if got := notModified(w, r, versionETag(3)); got != test.want || (w.Code == 304) != test.want {
				t.Errorf("got %v, answered %d", got, w.Code)
			}
			if w.Header().Get("ETag") != `"v3"` {
				t.Errorf("ETag %q", w.Header().Get("ETag"))
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	for _, test := range []struct {
		name string
		keys []string
		code string
	}{
		{"a uuid", []string{"7c9e6679-7425-40de-944b-e07fc1f90ae7"}, ""},
		{"the longest", []string{strings.Repeat("~", 128)}, ""},
		{"none", nil, "idempotency_key_required"},
		{"empty", []string{""}, "idempotency_key_required"},
		{"too long", []string{strings.Repeat("a", 129)}, "idempotency_key_invalid"},
		{"space", []string{"a b"}, "idempotency_key_invalid"},
		{"not ASCII", []string{"é"}, "idempotency_key_invalid"},
		{"control", []string{"a\x7f"}, "idempotency_key_invalid"},
		{"two", []string{"a", "b"}, "idempotency_key_invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", nil)
			for _, key := range test.keys {
				r.Header.Add("Idempotency-Key", key)
			}
			got, err := idempotencyKey(r)
			var p *Problem
			if errors.As(err, &p) != (test.code != "") || (p != nil && p.Code != test.code) {
				t.Fatalf("got %v, want %q", err, test.code)
			}
			if test.code == "" && got != test.keys[0] {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAnswerOnce(t *testing.T) {
	err := fmt.Errorf("placing: %w", &idempotency.Replay{Answer: idempotency.Answer{Resource: "a"}})
	read := func(id string) (string, error) { return "read " + id, nil }
	w := httptest.NewRecorder()
	answer, again, err := answerOnce(w, "done", err, read)
	if err != nil || !again || answer != "read a" {
		t.Fatalf("a repeated call: %q, again %t, %v", answer, again, err)
	}
	if w.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("a repeated call is not marked: %v", w.Header())
	}
	w = httptest.NewRecorder()
	if _, again, err := answerOnce(w, "done", errors.New("another"), read); again || err == nil || len(w.Header()) > 0 {
		t.Error("another error was taken for a repeated call")
	}
	if answer, again, err := answerOnce(w, "done", nil, read); again || err != nil || answer != "done" {
		t.Errorf("a first call: %q, again %t, %v", answer, again, err)
	}
}

func TestSetAge(t *testing.T) {
	for age, want := range map[time.Duration]string{-time.Second: "0", 0: "0", 1200 * time.Millisecond: "2"} {
		w := httptest.NewRecorder()
		if setAge(w, age); w.Header().Get("Age") != want {
			t.Errorf("%s is told as %q", age, w.Header().Get("Age"))
		}
	}
}

func TestFingerprint(t *testing.T) {
	s := newTestServer(t)
	prints := make(map[string][]byte)
	h := around(t, s, func(w http.ResponseWriter, r *http.Request) error {
		var in testInput
		if err := readJSON(r, &in); err != nil {
			return err
		}
		print, err := s.fingerprint(r, in)
		prints[r.Header.Get("X-Request-Id")] = print
		return err
	})
	const body = `{"name":"a","count":1}`
	ask(h, "POST", "/v1/a", body, "X-Request-Id", "first")
	ask(h, "POST", "/v1/a", ` { "count": 1, "name": "\u0061" }`, "X-Request-Id", "respelled")
	ask(h, "PUT", "/v1/a", body, "X-Request-Id", "method")
	ask(h, "POST", "/v1/b", body, "X-Request-Id", "path")
	ask(h, "POST", "/v1/a", `{"name":"a","count":2}`, "X-Request-Id", "body")
	ask(h, "POST", "/v1/a", body, "X-Request-Id", "shopper", "Authorization", "Bearer shopper")
	ask(h, "POST", "/v1/a", body, "X-Request-Id", "other", "Authorization", "Bearer other")
	if len(prints) != 7 || len(prints["first"]) != 32 {
		t.Fatalf("%d fingerprints, the first of %d bytes", len(prints), len(prints["first"]))
	}
	if !bytes.Equal(prints["first"], prints["respelled"]) {
		t.Error("the same call, spelled differently, has another fingerprint")
	}
	different := map[string]bool{}
	for _, print := range prints {
		different[string(print)] = true
	}
	if len(different) != 6 {
		t.Errorf("%d different fingerprints of 6 different calls", len(different))
	}
}

func TestQuery(t *testing.T) {
	q := newQuery(httptest.NewRequest("GET", "/?a=1&b=x&c=red&d=true&e=toolong&f=1&f=2&g=maybe", nil))
	got := []any{q.Int("a", 5, 0, 9), q.Int("none", 5, 0, 9), q.OneOf("c", "red", "blue"), q.Bool("d"), q.Text("b", 1)}
	if diff := cmp.Diff([]any{1, 5, "red", true, "x"}, got); diff != "" {
		t.Error(diff)
	}
	if err := q.Err(); err != nil {
		t.Errorf("good parameters: %v", err)
	}
	q.Int("b", 0, 0, 9)
	q.Int("a", 0, 2, 9)
	q.OneOf("c", "blue")
	q.Text("e", 3)
	q.Text("f", 3)
	q.Bool("g")
	var p *Problem
	if !errors.As(q.Err(), &p) || len(p.Errors) != 6 {
		t.Errorf("got %v, want six faults", q.Err())
	}
}

func TestPathRef(t *testing.T) {
	s := newTestServer(t)
	want := regions.Ref{Region: "us-west", ID: uuid.MustParse("11111111-1111-4111-8111-111111111111")}
	good := s.Regions.FormatID("ord", want)
	for _, test := range []struct {
		id string
		ok bool
	}{
		{good, true}, {"", false}, {strings.ToUpper(good), false}, {strings.Replace(good, "ord_", "crt_", 1), false},
		{strings.Replace(good, "usw", "xxx", 1), false}, {good + "a", false}, {"ord_usw_\x00", false},
	} {
		t.Run(test.id, func(t *testing.T) {
			r := mux.SetURLVars(httptest.NewRequest("GET", "/", nil), map[string]string{"id": test.id})
			got, err := s.pathRef(r, "id", "ord")
			var p *Problem
			if test.ok && (err != nil || got != want) || !test.ok && (!errors.As(err, &p) || p.Code != "not_found") {
				t.Errorf("got %v %v", got, err)
			}
		})
	}
	product := uuid.MustParse("11111111-1111-4111-8111-111111111111")
	r := mux.SetURLVars(httptest.NewRequest("GET", "/", nil), map[string]string{
		"id": regions.FormatGlobalID("prd", product), "bad": "prd_x",
	})
	if got, err := pathGlobalID(r, "id", "prd"); err != nil || got != product {
		t.Errorf("got %v %v", got, err)
	}
	if _, err := pathGlobalID(r, "bad", "prd"); err == nil {
		t.Error("accepted prd_x")
	}
}

func TestClientAddr(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		name, peer string
		forwarded  []string
		want       string
		trusted    bool
	}{
		{name: "direct", peer: "203.0.113.7:1234", want: "203.0.113.7"},
		{name: "a stranger's header", peer: "203.0.113.7:1234", forwarded: []string{"198.51.100.1"}, want: "203.0.113.7"},
		{name: "one proxy", peer: "10.0.0.1:1", forwarded: []string{"198.51.100.1"}, want: "198.51.100.1", trusted: true},
		{name: "forged on the left", peer: "10.0.0.1:1", forwarded: []string{"1.1.1.1, 198.51.100.1, 10.2.3.4"}, want: "198.51.100.1",
			trusted: true},
		{name: "several headers", peer: "10.0.0.1:1", forwarded: []string{"1.1.1.1", "198.51.100.1", "10.9.9.9"}, want: "198.51.100.1",
			trusted: true},
		{name: "nothing forwarded", peer: "10.0.0.1:1", want: "10.0.0.1", trusted: true},
		{name: "rubbish forwarded", peer: "10.0.0.1:1", forwarded: []string{"1.1.1.1, unknown, 10.2.3.4"}, want: "10.2.3.4", trusted: true},
		{name: "IPv4 in IPv6", peer: "[::ffff:203.0.113.7]:1", want: "203.0.113.7"},
		{name: "IPv6 proxy", peer: "[fd00::1]:1", forwarded: []string{"2001:db8::5"}, want: "2001:db8::5", trusted: true},
		{name: "no address", peer: "pipe", want: "invalid IP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
			got, trusted := clientAddr(r, proxies)
			if got.String() != test.want || trusted != test.trusted {
				t.Errorf("got %s, trusted %v", got, trusted)
			}
		})
	}
	if got := clientNetwork(netip.MustParseAddr("2001:db8:1:2:3::4")); got != "2001:db8:1:2::/64" {
		t.Errorf("counted by %s", got)
	}
}

func TestClientAddr_NeverTheForgedPart(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	rapid.Check(t, func(t *rapid.T) {
		forged := rapid.StringMatching(`[0-9a-f:., ]{0,40}`).Draw(t, "forged")
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {forged, "198.51.100.1"}}}
		if got, _ := clientAddr(r, proxies); got.String() != "198.51.100.1" {
			t.Fatalf("%q made it %s", forged, got)
		}
	})
}
