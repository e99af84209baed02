package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"
	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
)

// answering is a client of a Stripe that gives these answers, the last one for ever, and the number of requests it got.
func answering(t *testing.T, change func(*Config), answers ...http.HandlerFunc) (*Client, *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(requests.Add(1), int64(len(answers)))
		answers[n-1](w, r)
	}))
	t.Cleanup(server.Close)
	cfg := Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}, BaseURL: server.URL, Retries: -1}
	if change != nil {
		change(&cfg)
	}
	c := testkit.Must(New(cfg))(t)
	return c, &requests
}

// with answers a status and a body.
func with(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// failing answers an error of Stripe's, which has in it what is personal.
func failing(status int, fields string) http.HandlerFunc {
	return with(status, `{"error":{`+fields+`,"message":"No, Quillon","payment_method":{"billing_details":{"name":"Quillon"}}}}`)
}

const paidBody = `{"id":"pi_1","object":"payment_intent","status":"succeeded","amount":1250,"amount_received":1250,
  "currency":"eur","metadata":{"payment_id":"pay_euw_1"}}`

var paidAsked = payment.Asked{PaymentID: "pay_euw_1", ProviderRef: "pi_1", Amount: money.New(1250, "EUR"), PlacedAt: time.Now()}

func TestErrors(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   error // nil for *payment.RejectedError
	}{
		{"no such payment", failing(404, `"type":"invalid_request_error","code":"resource_missing","param":"intent"`), payment.ErrUnknownPayment},
		{"a 404 of another kind", failing(404, `"type":"invalid_request_error"`), payment.ErrUnavailable},
		{"a 404 of somebody else", with(404, "<h1>not found, Quillon</h1>"), payment.ErrUnavailable},
		{"key used for something else", failing(400, `"type":"idempotency_error"`), payment.ErrConflict},
		{"key in use", failing(409, `"type":"idempotency_error","code":"idempotency_key_in_use"`), payment.ErrUnavailable},
		{"rejected", failing(400, `"type":"invalid_request_error","code":"parameter_missing","param":"amount"`), nil},
		{"declined", failing(402, `"type":"card_error","code":"card_declined","decline_code":"lost_card"`), nil},
		{"a 400 of somebody else", with(400, "Quillon"), payment.ErrUnavailable},
		{"an error that is none", with(400, `{"error":{"message":"Quillon"}}`), payment.ErrUnavailable},
		{"wrong key", failing(401, `"type":"invalid_request_error"`), payment.ErrUnavailable},
		{"key that may too little", failing(403, `"type":"invalid_request_error"`), payment.ErrUnavailable},
		{"redirect", with(302, ""), payment.ErrUnavailable},
		{"too many requests", failing(429, `"type":"invalid_request_error","code":"rate_limit"`), payment.ErrUnavailable},
		{"broken", failing(500, `"type":"api_error"`), payment.ErrUnavailable},
		{"down", with(503, "Quillon"), payment.ErrUnavailable},
		{"not JSON", with(200, "Quillon"), payment.ErrUnavailable},
		{"empty", with(200, ""), payment.ErrUnavailable},
		{"an object of nothing", with(200, "{}"), payment.ErrUnavailable},
		{"another payment", with(200, strings.Replace(paidBody, "pay_euw_1", "pay_euw_2", 1)), payment.ErrUnavailable},
		{"another amount", with(200, strings.Replace(paidBody, "1250", "1249", 1)), payment.ErrUnavailable},
		{"another currency", with(200, strings.Replace(paidBody, "eur", "usd", 1)), payment.ErrUnavailable},
		{"unknown status", with(200, strings.Replace(paidBody, "succeeded", "great", 1)), payment.ErrUnavailable},
		{"captured in no unit of the currency", with(200,
			strings.NewReplacer("eur", "isk", `":1250`, `":125000`, "125000,", "125001,").Replace(paidBody)), payment.ErrUnavailable},
		{"too much", with(200, strings.Repeat(" ", maxAnswerBytes)+paidBody), payment.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := answering(t, nil, tt.answer)
			outcome, err := c.Find(t.Context(), paidAsked)
			if outcome != (payment.Outcome{}) {
				t.Errorf("Find = %+v", outcome)
			}
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, new(*payment.RejectedError)) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if unavailable := tt.want == payment.ErrUnavailable; errors.Is(err, payment.ErrUnavailable) != unavailable {
				t.Errorf("error %v, worth a retry: %t", err, unavailable)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "Quillon") {
				t.Errorf("the error quotes Stripe: %s", text)
			}
		})
	}
	c, _ := answering(t, nil, with(200, paidBody))
	if outcome, err := c.Find(t.Context(), paidAsked); err != nil || outcome.Status != payment.StatusSucceeded {
		t.Errorf("the body that the tests change is refused itself: %v", err)
	}
}

// A refusal says what Stripe's support asks for.
func TestErrors_Text(t *testing.T) {
	c, _ := answering(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Request-Id", "req_42")
		failing(400, `"type":"invalid_request_error","code":"parameter_missing","param":"amount"`)(w, r)
	})
	_, err := c.Find(t.Context(), paidAsked)
	if want := "find payment pay_euw_1: stripe answered 400 invalid_request_error parameter_missing amount req_42"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

// A failure is tried again with the same key.
func TestRetry(t *testing.T) {
	var keys []string
	note := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, r.Header.Get("Idempotency-Key")) // one request at a time
			next(w, r)
		}
	}
	in := input(methodSuccess)
	body := strings.Replace(paidBody, "pay_euw_1", in.PaymentID, 1)
	c, _ := answering(t, func(c *Config) { c.Retries = 1 }, note(with(503, "")), note(with(200, body)))
	if outcome := start(t, c, in); outcome.Status != payment.StatusSucceeded {
		t.Fatalf("Start = %s", outcome.Status)
	}
	wantEqual(t, []string{in.PaymentID, in.PaymentID}, keys)
}

func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, _ := answering(t, func(c *Config) { c.BaseURL = server.URL }, with(500, ""))
	if _, err := c.Find(t.Context(), paidAsked); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Find: %v, want ErrUnavailable", err)
	}
}

// A Stripe that hangs is left after a while, and the caller's own deadline counts too.
func TestTimeout(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	c, _ := answering(t, func(c *Config) { c.Timeout = 50 * time.Millisecond }, hang)
	if _, err := c.Find(t.Context(), paidAsked); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Find: %v, want ErrUnavailable", err)
	}
	c, _ = answering(t, nil, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Find(ctx, paidAsked); !errors.Is(err, payment.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Find: %v, want ErrUnavailable because of the deadline", err)
	}
}

// After many failures nobody is asked for a while; then one call finds out that all is well. What is no failure of
// Stripe's leaves the breaker closed.
func TestBreaker(t *testing.T) {
	answers := []http.HandlerFunc{with(503, ""), with(503, ""), with(503, ""), with(503, ""), with(503, ""), with(200, paidBody)}
	c, requests := answering(t, func(c *Config) { c.BreakerTries, c.BreakerPause = 5, 50*time.Millisecond }, answers...)
	find := func() error {
		_, err := c.Find(t.Context(), paidAsked)
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
	deadline := time.Now().Add(30 * time.Second)
	for err := find(); err != nil; err = find() {
		if !errors.Is(err, payment.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatalf("Find: %v, want ErrUnavailable", err)
		}
	}
	if requests.Load() != 6 {
		t.Errorf("%d requests, want 5 that fail and 1 that works", requests.Load())
	}
	c, _ = answering(t, func(c *Config) { c.BreakerTries = 2 }, failing(404, `"type":"invalid_request_error","code":"resource_missing"`))
	for range 10 {
		if err := find(); !errors.Is(err, payment.ErrUnknownPayment) {
			t.Fatalf("Find: %v", err)
		}
	}
}

// The library keeps its own state of the process as it was, and the version is the one this package was written for.
func TestLibrary(t *testing.T) {
	answering(t, nil, with(500, ""))
	if stripego.Key != "" {
		t.Error("the key is the whole process's")
	}
	if stripego.APIVersion != APIVersion {
		t.Errorf("the library speaks %s, this package was written for %s: read Stripe's changelog between the two, "+
			"then change APIVersion, and the version of the webhook endpoint", stripego.APIVersion, APIVersion)
	}
}

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		faults int
	}{
		{"good", func(*Config) {}, 0},
		{"restricted key, two secrets, manual", func(c *Config) {
			c.SecretKey, c.WebhookSecrets, c.Capture = "rk_live_0123456789", []string{testSecret, testSecret + "2"}, CaptureManual
		}, 0},
		{"nothing", func(c *Config) { *c = Config{} }, 2},
		{"publishable key", func(c *Config) { c.SecretKey = "pk_live_0123456789" }, 1},
		{"no webhook secret: anybody could sign", func(c *Config) { c.WebhookSecrets = nil }, 1},
		{"secret of something else", func(c *Config) { c.WebhookSecrets = append(c.WebhookSecrets, "hunter2hunter2hunter2") }, 1},
		{"another capture", func(c *Config) { c.Capture = "later" }, 1},
		{"key over plain http", func(c *Config) { c.BaseURL = "http://stripe.example" }, 1},
		{"plain http on this machine", func(c *Config) { c.BaseURL = "http://127.0.0.1:12111" }, 0},
		{"no url", func(c *Config) { c.BaseURL = "stripe" }, 1},
		{"negative timeout", func(c *Config) { c.Timeout = -1 }, 1},
		{"negative tries", func(c *Config) { c.Retries = -2 }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}}
			tt.change(&cfg)
			_, err := New(cfg)
			faults := 0
			if err != nil {
				faults = strings.Count(err.Error(), "stripe: ")
			}
			if faults != tt.faults || err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("New: %v, want %d faults and no secret", err, tt.faults)
			}
		})
	}
}
