package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

// answering is a client of a provider that gives these answers, the last one for ever, and the number of requests it
// got.
func answering(t *testing.T, change func(*ClientConfig), answers ...http.HandlerFunc) (*Client, *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(requests.Add(1), int64(len(answers)))
		answers[n-1](w, r)
	}))
	t.Cleanup(server.Close)
	if change == nil {
		change = func(*ClientConfig) {}
	}
	return newTestClient(t, server.URL, change), &requests
}

// with answers a status and a body.
func with(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const processingBody = `{"id":"pay_euw_1","reference":"sbx_1","status":"processing","amount":{"minor":1250,"currency":"EUR"}}`

func TestClient_Errors(t *testing.T) {
	coded := func(code string) string { return `{"error":{"code":"` + code + `","message":"because"}}` }
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		want     error // nil for *payment.RejectedError
		requests int64
	}{
		{"unknown payment", with(404, coded(codeUnknownPayment)), payment.ErrUnknownPayment, 1},
		{"a 404 of somebody else", with(404, "<h1>not found</h1>"), payment.ErrUnavailable, 1},
		{"another route", with(404, coded("no_such_route")), payment.ErrUnavailable, 1},
		{"unknown payment, but not as a 404", with(500, coded(codeUnknownPayment)), payment.ErrUnavailable, 3},
		{"conflict", with(422, coded(codeConflict)), payment.ErrConflict, 1},
		{"refund too large", with(422, coded(codeRefundTooLarge)), payment.ErrRefundTooLarge, 1},
		{"rejected", with(400, coded(codeBadRequest)), nil, 1},
		{"a 400 of somebody else", with(400, "bad"), payment.ErrUnavailable, 1},
		{"wrong key", with(401, coded(codeUnauthorized)), payment.ErrUnavailable, 1},
		{"redirect", with(302, ""), payment.ErrUnavailable, 1},
		{"too many requests", with(429, ""), payment.ErrUnavailable, 3},
		{"broken", with(500, ""), payment.ErrUnavailable, 3},
		{"down", with(503, coded(codeUnavailable)), payment.ErrUnavailable, 3},
		{"not JSON", with(200, "OK"), payment.ErrUnavailable, 1},
		{"empty", with(200, ""), payment.ErrUnavailable, 1},
		{"another payment", with(200, strings.Replace(processingBody, "pay_euw_1", "pay_euw_2", 1)), payment.ErrUnavailable, 1},
		{"unknown status", with(200, strings.Replace(processingBody, "processing", "great", 1)), payment.ErrUnavailable, 1},
		{"too much", with(200, strings.Repeat(" ", maxResponseBytes+1)), payment.ErrUnavailable, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, requests := answering(t, nil, tt.answer)
			outcome, err := c.Find(t.Context(), payment.Asked{PaymentID: "pay_euw_1"})
			if outcome != (payment.Outcome{}) {
				t.Errorf("Find = %+v", outcome)
			}
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, new(*payment.RejectedError)) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if unavailable := tt.want == payment.ErrUnavailable; errors.Is(err, payment.ErrUnavailable) != unavailable {
				t.Errorf("error %v, worth a retry: %t", err, unavailable)
			}
			if got := requests.Load(); got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
		})
	}
}

// An answer about another amount is not believed.
func TestClient_WrongAmount(t *testing.T) {
	in := paymenttest.Input("EUR", "card_success")
	in.PaymentID = "pay_euw_1"
	c, _ := answering(t, nil, with(201, strings.Replace(processingBody, "1250", "1249", 1)))
	if _, err := c.Start(t.Context(), in); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Start: %v, want ErrUnavailable", err)
	}
	c, _ = answering(t, nil, with(201, processingBody))
	if _, err := c.Start(t.Context(), in); err != nil {
		t.Errorf("Start with the right amount: %v", err)
	}
}

// A failure is tried again with the same key, and so is a connection that breaks.
func TestClient_Retry(t *testing.T) {
	var keys []string
	note := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, r.Header.Get("Idempotency-Key")) // one request at a time
			next(w, r)
		}
	}
	breaks := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	in := paymenttest.Input("EUR", "card_success")
	in.PaymentID = "pay_euw_1"
	c, _ := answering(t, nil, note(with(503, "")), note(breaks), note(with(201, processingBody)))
	outcome, err := c.Start(t.Context(), in)
	if err != nil || outcome.Status != payment.StatusProcessing {
		t.Fatalf("Start = %s, %v", outcome.Status, err)
	}
	if len(keys) < 3 { // net/http may repeat the broken one by itself
		t.Errorf("%d requests, want 3", len(keys))
	}
	for _, key := range keys {
		if key != in.PaymentID {
			t.Errorf("key %q, want %q", key, in.PaymentID)
		}
	}
}

func TestClient_NobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := newTestClient(t, server.URL)
	if _, err := c.Find(t.Context(), payment.Asked{PaymentID: "pay_euw_1"}); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Find: %v, want ErrUnavailable", err)
	}
}

// After many failures nobody is asked for a while; then one call finds out that all is well.
func TestClient_Breaker(t *testing.T) {
	var healthy atomic.Bool
	answer := func(w http.ResponseWriter, r *http.Request) {
		if healthy.Load() {
			with(200, processingBody)(w, r)
			return
		}
		with(503, "")(w, r)
	}
	c, requests := answering(t, func(c *ClientConfig) {
		c.Tries, c.BreakerTries, c.BreakerPause = 1, 5, 50*time.Millisecond
	}, answer)
	find := func() error {
		_, err := c.Find(t.Context(), payment.Asked{PaymentID: "pay_euw_1"})
		return err
	}
	for range 5 {
		if err := find(); !errors.Is(err, payment.ErrUnavailable) {
			t.Fatalf("Find: %v, want ErrUnavailable", err)
		}
	}
	if state := c.breaker.State(); state != gobreaker.StateOpen {
		t.Fatalf("breaker is %s after %d failures", state, requests.Load())
	}
	healthy.Store(true)
	for err := find(); err != nil; err = find() {
		if !errors.Is(err, payment.ErrUnavailable) {
			t.Fatalf("Find: %v, want ErrUnavailable", err)
		}
	}
	if requests.Load() != 6 {
		t.Errorf("%d requests, want 5 that fail and 1 that works", requests.Load())
	}
}

// What is no failure of the provider leaves the breaker closed.
func TestClient_BreakerIgnoresRefusals(t *testing.T) {
	body := `{"error":{"code":"unknown_payment","message":""}}`
	c, _ := answering(t, func(c *ClientConfig) { c.BreakerTries = 2 }, with(404, body))
	for range 10 {
		if _, err := c.Find(t.Context(), payment.Asked{PaymentID: "pay_euw_1"}); !errors.Is(err, payment.ErrUnknownPayment) {
			t.Fatalf("Find: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if _, err := c.Find(ctx, payment.Asked{PaymentID: "pay_euw_1"}); !errors.Is(err, context.Canceled) {
			t.Fatalf("Find: %v", err)
		}
	}
	if state := c.breaker.State(); state != gobreaker.StateClosed {
		t.Errorf("breaker is %s", state)
	}
}

// The lines that the order holds are what is sent, to the last field.
func TestClient_SendsTheLines(t *testing.T) {
	in := paymenttest.Input("JPY", "card_success")
	in.PaymentID = "pay_euw_1"
	var got startJSON
	c, _ := answering(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testKey {
			t.Errorf("authorization is %q", r.Header.Get("Authorization"))
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		with(201, strings.Replace(processingBody, "EUR", "JPY", 1))(w, r)
	})
	testkit.Must(c.Start(t.Context(), in))(t)
	sent := testkit.Must(got.input())(t)
	in.PlacedAt = time.Time{} // ours alone
	wantEqual(t, in, sent)
}

func TestClientConfigValidate(t *testing.T) {
	good := ClientConfig{BaseURL: "http://127.0.0.1:1/", APIKey: testKey, WebhookSecret: testSecret}
	tests := []struct {
		name   string
		change func(*ClientConfig)
		ok     bool
	}{
		{"good", func(*ClientConfig) {}, true},
		{"no url", func(c *ClientConfig) { c.BaseURL = "" }, false},
		{"another scheme", func(c *ClientConfig) { c.BaseURL = "ftp://sandbox.example" }, false},
		{"no key", func(c *ClientConfig) { c.APIKey = "" }, false},
		{"no secret: anybody could sign", func(c *ClientConfig) { c.WebhookSecret = "" }, false},
		{"negative timeout", func(c *ClientConfig) { c.Timeout = -1 }, false},
		{"negative tries", func(c *ClientConfig) { c.Tries = -1 }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := NewClient(cfg); (err == nil) != tt.ok {
				t.Errorf("NewClient: %v", err)
			}
		})
	}
}
