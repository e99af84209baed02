package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meridian/internal/testkit"
)

// seenRequest is what the shop was sent.
type seenRequest struct {
	Method, Path, Key, Type, Authorization, Guest, Country, Body string
}

// shop answers requests in turn, the last answer for ever, and keeps what it was sent.
type shop struct {
	*httptest.Server
	mu      sync.Mutex
	seen    []seenRequest
	answers []http.HandlerFunc
}

func newShop(t *testing.T, answers ...http.HandlerFunc) *shop {
	s := &shop{answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, seenRequest{
		Method: r.Method, Path: r.URL.RequestURI(), Key: r.Header.Get("Idempotency-Key"), Type: r.Header.Get("Content-Type"),
		Authorization: r.Header.Get("Authorization"), Guest: r.Header.Get("Meridian-Guest-Token"),
		Country: r.Header.Get("CF-IPCountry"), Body: string(body),
	})
	answer := s.answers[min(len(s.seen), len(s.answers))-1]
	s.mu.Unlock()
	answer(w, r)
}

// client is one of the shop's, with what it observed.
func (s *shop) client(attempts int) (*Client, *[]Attempt) {
	observed := new([]Attempt)
	return &Client{
		Base: s.URL, HTTP: NewHTTP(1), Attempts: attempts,
		Header:  http.Header{"Cf-Ipcountry": {"DE"}},
		Observe: func(a Attempt) { *observed = append(*observed, a) },
	}, observed
}

// answer says a status and a body, as a region does.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Meridian-Region", "eu-west")
		w.Header().Set("X-Meridian-Round-Trips", "2")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

func TestDo_SendsAndReads(t *testing.T) {
	shop := newShop(t, answer(http.StatusCreated, `{"id":"crt_euw_1","version":2,"guest_token":"g","lines":[{"sku":"A","quantity":3}]}`))
	c, observed := shop.client(1)
	cart, err := c.CreateCart(t.Context(), By{AccessToken: "at", GuestToken: "gt"}, "key-1", CartInput{Country: "DE", Lines: []Line{{"A", 3}}})
	if err != nil {
		t.Fatal(err)
	}
	if cart.ID != "crt_euw_1" || cart.GuestToken != "g" || len(cart.Lines) != 1 || cart.Lines[0].SKU != "A" || cart.Lines[0].Quantity != 3 {
		t.Errorf("read %+v", cart)
	}
	want := []seenRequest{{
		Method: "POST", Path: "/v1/carts", Key: "key-1", Type: "application/json", Authorization: "Bearer at", Guest: "gt",
		Country: "DE", Body: `{"country":"DE","lines":[{"sku":"A","quantity":3}]}`,
	}}
	if diff := cmp.Diff(want, shop.seen); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	wantSeen := []Attempt{{Method: "POST", Path: "/v1/carts", Number: 1, Final: true, Status: 201, Bytes: 81, RoundTrips: 2,
		Region: "eu-west"}}
	if diff := cmp.Diff(wantSeen, *observed, cmpopts.IgnoreFields(Attempt{}, "Took", "Bytes")); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if o := (*observed)[0]; o.Took <= 0 || o.Bytes == 0 {
		t.Errorf("observed %v, %d bytes", o.Took, o.Bytes)
	}
}

func TestDo_ReadsHaveNoKey(t *testing.T) {
	shop := newShop(t, answer(http.StatusOK, `{}`))
	c, _ := shop.client(1)
	testkit.Must(c.GetOrder(t.Context(), By{}, "ord_euw_1"))(t)
	want := []seenRequest{{Method: "GET", Path: "/v1/orders/ord_euw_1", Country: "DE"}}
	if diff := cmp.Diff(want, shop.seen); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// Whatever may be got over is tried again, the same call with the same key.
func TestDo_Repeats(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		code   string
		repeat bool
	}{
		{"no answer", hangUp, "no_answer", true},
		{"a proxy's page", answer(502, "<html>"), "http_502", true},
		{"unavailable", answer(503, `{"code":"unavailable"}`), "unavailable", true},
		{"timeout", answer(408, `{"code":"timeout"}`), "timeout", true},
		{"too many", answer(429, `{"code":"rate_limited"}`), "rate_limited", true},
		{"sold out", answer(409, `{"code":"sold_out","detail":"none left"}`), "sold_out", false},
		{"not found", answer(404, `{"code":"not_found"}`), "not_found", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			shop := newShop(t, test.answer, test.answer, answer(http.StatusCreated, `{"order":{"id":"ord_euw_1"}}`))
			c, observed := shop.client(3)
			placed, err := c.Checkout(t.Context(), By{}, "", CheckoutInput{Cart: "crt_euw_1"})
			if !test.repeat {
				var problem *ProblemError
				if len(shop.seen) != 1 || CodeOf(err) != test.code || !errors.As(err, &problem) {
					t.Errorf("%d attempts, %v", len(shop.seen), err)
				}
				return
			}
			if err != nil || placed.Order.ID != "ord_euw_1" || len(shop.seen) != 3 {
				t.Fatalf("%d attempts: %+v, %v", len(shop.seen), placed, err)
			}
			if key := shop.seen[0].Key; key == "" || shop.seen[1] != shop.seen[0] || shop.seen[2] != shop.seen[0] {
				t.Errorf("the attempts differ: %+v", shop.seen)
			}
			if got := (*observed)[0].Code; got != test.code {
				t.Errorf("the first attempt was observed as %q, want %q", got, test.code)
			}
		})
	}
}

func TestDo_GivesUp(t *testing.T) {
	shop := newShop(t, answer(503, `{"code":"unavailable","detail":"no region"}`))
	c, observed := shop.client(2)
	err := c.Do(t.Context(), http.MethodPost, "/v1/carts", By{}, "", nil, nil)
	if len(*observed) != 2 || CodeOf(err) != "unavailable" {
		t.Errorf("%d attempts, %v", len(*observed), err)
	}
	if got := err.Error(); got != "POST /v1/carts: 503 unavailable: no region" {
		t.Errorf("the error says %q", got)
	}
	c.Attempts = 0 // stands for 1
	if err := c.Do(t.Context(), http.MethodPost, "/v1/carts", By{}, "", nil, nil); err == nil || len(*observed) != 3 {
		t.Errorf("%d attempts, %v", len(*observed), err)
	}
}

func TestDo_StopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	shop := newShop(t, func(w http.ResponseWriter, r *http.Request) { cancel(); hangUp(w, r) })
	c, observed := shop.client(1000)
	if err := c.Do(ctx, http.MethodGet, "/v1/products", By{}, "", nil, nil); err == nil || len(*observed) > 1 {
		t.Errorf("%d attempts after its end, %v", len(*observed), err)
	}
}

func TestDo_KeysDiffer(t *testing.T) {
	shop := newShop(t, answer(http.StatusOK, `{}`))
	c, _ := shop.client(1)
	for range 2 {
		testkit.NoError(t, c.Do(t.Context(), http.MethodPost, "/v1/carts", By{}, "", nil, nil))
	}
	if shop.seen[0].Key == "" || shop.seen[0].Key == shop.seen[1].Key {
		t.Errorf("two calls have the keys %q and %q", shop.seen[0].Key, shop.seen[1].Key)
	}
}

// An answer that is too long, cut off or not JSON is an error, and is not read for ever.
func TestDo_BadAnswers(t *testing.T) {
	long := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"`)
		chunk := []byte(strings.Repeat("x", 1<<20))
		for range maxAnswer/len(chunk) + 8 {
			if _, err := w.Write(chunk); err != nil {
				return // the client has hung up
			}
		}
		_, _ = io.WriteString(w, `"}`)
	}
	short := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{}`)
	}
	for name, bad := range map[string]http.HandlerFunc{
		"too long": long, "cut off": short, "not JSON": answer(200, "<html>"), "another type": answer(200, `{"id":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			c, observed := newShop(t, bad).client(1)
			if _, err := c.GetOrder(t.Context(), By{}, "ord_euw_1"); err == nil || CodeOf(err) != "no_answer" {
				t.Errorf("err = %v", err)
			}
			if got := (*observed)[0].Bytes; got > maxAnswer {
				t.Errorf("%d bytes were read, the bound is %d", got, maxAnswer)
			}
		})
	}
}

func TestRoundTrips_Unsaid(t *testing.T) {
	shop := newShop(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	c, observed := shop.client(1)
	if err := c.Do(t.Context(), http.MethodGet, "/", By{}, "", nil, nil); err != nil || (*observed)[0].RoundTrips != -1 {
		t.Errorf("%v, observed %+v", err, *observed)
	}
}

// Every call goes where the API has it, and encodes what it is given.
func TestCalls(t *testing.T) {
	shop := newShop(t, answer(http.StatusOK, `{}`))
	c, _ := shop.client(1)
	ctx, by := t.Context(), By{AccessToken: "at"}
	amount := int64(250)
	var checkout CheckoutInput
	checkout.Cart, checkout.Payment.Method = "crt_1", "card_success"
	calls := []struct {
		call func() error
		want string
		body string
	}{
		{func() error { _, err := c.Register(ctx, "", RegisterInput{Email: "a@example.com"}); return err }, "POST /v1/accounts",
			`"email":"a@example.com"`},
		{func() error { _, err := c.SignIn(ctx, "a@example.com", "pw"); return err }, "POST /v1/sessions", `"password":"pw"`},
		{func() error { _, err := c.GetCart(ctx, by, "crt_1"); return err }, "GET /v1/carts/crt_1", ""},
		{func() error { _, err := c.AddLine(ctx, by, "", "crt_1", Line{"A", 2}); return err }, "POST /v1/carts/crt_1/lines",
			`{"sku":"A","quantity":2}`},
		{func() error { _, err := c.Checkout(ctx, by, "", checkout); return err }, "POST /v1/orders", `"payment":{"method":"card_success"}`},
		{func() error { _, err := c.CancelOrder(ctx, by, "", "ord_1"); return err }, "POST /v1/orders/ord_1:cancel", ""},
		{func() error { _, err := c.ListOrders(ctx, by, "c&1"); return err }, "GET /v1/orders?cursor=c%261", ""},
		{func() error { _, err := c.ListProducts(ctx, map[string][]string{"limit": {"5"}}); return err }, "GET /v1/products?limit=5", ""},
		{func() error { _, err := c.GetProduct(ctx, "prd_1"); return err }, "GET /v1/products/prd_1", ""},
		{func() error { _, err := c.GetAvailability(ctx, "A/B"); return err }, "GET /v1/skus/A%2FB/availability", ""},
		{func() error {
			_, err := c.Refund(ctx, by, "", "ord_1", RefundInput{AmountMinor: &amount, Reason: "r"})
			return err
		}, "POST /v1/operator/orders/ord_1:refund", `{"amount_minor":250,"reason":"r"}`},
		{func() error { _, err := c.Advance(ctx, by, "", "ord_1", "pack", nil); return err }, "POST /v1/operator/orders/ord_1:pack", `{}`},
		{func() error { return c.Receive(ctx, by, "", ReceiveInput{SKU: "A", Warehouse: "euw-1", Quantity: 7}) },
			"POST /v1/operator/stock:receive", `"quantity":7`},
	}
	for i, call := range calls {
		if err := call.call(); err != nil {
			t.Errorf("%s: %v", call.want, err)
			continue
		}
		got := shop.seen[i]
		if line := got.Method + " " + got.Path; line != call.want || !strings.Contains(got.Body, call.body) {
			t.Errorf("sent %s %s, want %s with %s", line, got.Body, call.want, call.body)
		}
		if got.Body != "" && !json.Valid([]byte(got.Body)) {
			t.Errorf("%s: sent %s", call.want, got.Body)
		}
	}
}

func TestCodeOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("connection refused"), "no_answer"},
		{&ProblemError{Status: 409, Code: "sold_out"}, "sold_out"},
		{&ProblemError{Status: 502}, "http_502"},
	} {
		if got := CodeOf(test.err); got != test.want {
			t.Errorf("CodeOf(%v) = %q, want %q", test.err, got, test.want)
		}
	}
}

func TestAttempt_Route(t *testing.T) {
	for _, test := range []struct{ path, want string }{
		{"/v1/carts", "GET /v1/carts"},
		{"/v1/operator/orders/ord_euw_1:refund", "GET /v1/operator/orders/{id}:refund"},
		{"/v1/skus/A%2FB/availability", "GET /v1/skus/{id}/availability"},
		{"/v1/products/a-slug", "GET /v1/products/{id}"},
		{"/v1/products?cursor=a_b", "GET /v1/products"},
	} {
		if got := (Attempt{Method: "GET", Path: test.path}).Route(); got != test.want {
			t.Errorf("the route of %s is %s, want %s", test.path, got, test.want)
		}
	}
}

func TestDo_RoutesEachAttempt(t *testing.T) {
	one, two := newShop(t, answer(503, "{}")), newShop(t, answer(http.StatusOK, "{}"))
	bases := []string{one.URL, one.URL, two.URL}
	c := Client{HTTP: NewHTTP(1), Attempts: UntilDone, Pause: func(int) time.Duration { return 0 }}
	c.Route = func(method, path string) string {
		if method != "GET" || path != "/v1/orders/ord_1" {
			t.Errorf("routed %s %s", method, path)
		}
		base := bases[0]
		bases = bases[1:]
		return base
	}
	if _, err := c.GetOrder(t.Context(), By{}, "ord_1"); err != nil || len(one.seen) != 2 || len(two.seen) != 1 {
		t.Errorf("%v after %d and %d attempts", err, len(one.seen), len(two.seen))
	}
}

func TestEachProduct_ReadsAllPages(t *testing.T) {
	shop := newShop(t, answer(200, `{"products":[{"id":"a"},{"id":"b"}],"next_cursor":"c"}`), answer(200, `{"products":[{"id":"d"}]}`))
	c, _ := shop.client(1)
	var ids []string
	err := c.EachProduct(t.Context(), map[string][]string{"category": {"x"}}, func(p Product) bool {
		ids = append(ids, p.ID)
		return true
	})
	if diff := cmp.Diff([]string{"a", "b", "d"}, ids); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got := shop.seen[1].Path; got != "/v1/products?category=x&cursor=c&limit=100" {
		t.Errorf("read %s", got)
	}
}
