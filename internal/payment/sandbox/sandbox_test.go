package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

const (
	testKey    = "a key for the tests only"
	testSecret = "a secret for the tests only"
)

// newClock returns a clock that stands at an instant of 2026.
func newClock() *testkit.Clock { return testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) }

// inbox is the shop's webhook endpoint.
type inbox struct {
	*httptest.Server
	mu       sync.Mutex
	hooks    []paymenttest.Webhook
	statuses []int                     // of the next answers; 200 when there are none left
	received chan paymenttest.Webhook  // if not nil, gets each hook too
	onHook   func(paymenttest.Webhook) // if not nil, called before the answer
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{}
	in.Server = httptest.NewServer(in)
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	hook := paymenttest.Webhook{Header: r.Header.Clone(), Body: body}
	in.mu.Lock()
	in.hooks = append(in.hooks, hook)
	status := http.StatusOK
	if len(in.statuses) > 0 {
		status, in.statuses = in.statuses[0], in.statuses[1:]
	}
	onHook, received := in.onHook, in.received
	in.mu.Unlock()
	if onHook != nil {
		onHook(hook)
	}
	w.WriteHeader(status)
	if received != nil {
		received <- hook
	}
}

func (in *inbox) all() []paymenttest.Webhook {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.hooks)
}

// world is a sandbox, a client of it and a shop that takes its webhooks, at a time that stands.
type world struct {
	*Server
	api    *httptest.Server
	client *Client
	inbox  *inbox
	clock  *testkit.Clock
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{inbox: newInbox(t), clock: newClock()}
	cfg := Config{
		APIKey: testKey, Secret: testSecret, Now: w.clock.Now, Logger: slog.New(slog.DiscardHandler),
		WebhookURL: func(string, int) string { return w.inbox.URL },
	}
	for _, fn := range change {
		fn(&cfg)
	}
	var err error
	if w.Server, err = NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	w.api = httptest.NewServer(w.Server)
	t.Cleanup(func() {
		if err := w.Server.Close(); err != nil {
			t.Error(err)
		}
		w.api.Close()
	})
	w.client = newTestClient(t, w.api.URL)
	return w
}

func newTestClient(t *testing.T, url string, change ...func(*ClientConfig)) *Client {
	t.Helper()
	cfg := ClientConfig{BaseURL: url, APIKey: testKey, WebhookSecret: testSecret, FirstBackoff: time.Millisecond}
	for _, fn := range change {
		fn(&cfg)
	}
	c := testkit.Must(NewClient(cfg))(t)
	return c
}

// settle lets the time pass until nothing is left to be done.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for {
		testkit.Must(w.RunOnce(t.Context()))(t)
		w.mu.Lock()
		if len(w.queue) == 0 {
			w.mu.Unlock()
			return
		}
		next := w.queue[0].due
		w.mu.Unlock()
		w.clock.Set(next)
	}
}

// events are those that arrived, in the order in which they did.
func (w *world) events(t *testing.T) []payment.Event {
	t.Helper()
	var events []payment.Event
	for _, hook := range w.inbox.all() {
		e := testkit.Must(parseEvent(hook.Body))(t)
		events = append(events, e)
	}
	return events
}

func (w *world) wantTypes(t *testing.T, want ...payment.EventType) {
	t.Helper()
	var got []payment.EventType
	for _, e := range w.events(t) {
		got = append(got, e.Type)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func (w *world) start(t *testing.T, method string) (payment.StartInput, payment.Outcome) {
	t.Helper()
	in := paymenttest.Input("EUR", method)
	outcome := testkit.Must(w.client.Start(t.Context(), in))(t)
	return in, outcome
}

// refundByHand gives money back as in a dashboard, or is refused.
func (w *world) refundByHand(t *testing.T, id string, minor int64, want int) refundJSON {
	t.Helper()
	body := fmt.Sprintf(`{"amount":{"minor":%d,"currency":"EUR"}}`, minor)
	status, answer := w.call(t, "POST", "/v1/payments/"+id+"/refunds", "", body)
	if status != want {
		t.Fatalf("refund by hand: %d %s, want %d", status, answer, want)
	}
	var made refundJSON
	testkit.NoError(t, json.Unmarshal([]byte(answer), &made))
	return made
}

func (w *world) wantStatus(t *testing.T, id string, want payment.Status) {
	t.Helper()
	found := testkit.Must(w.client.Find(t.Context(), payment.Asked{PaymentID: id}))(t)
	if found.Status != want {
		t.Errorf("payment is %s, want %s", found.Status, want)
	}
}

func TestProvider(t *testing.T) {
	paymenttest.Run(t, func(t *testing.T) paymenttest.Subject {
		w := newWorld(t)
		return paymenttest.Subject{
			Provider: w.client, Currency: "EUR", Success: "card_success", Declined: "card_declined", Open: "card_never",
			Settle: w.settle, Webhooks: w.inbox.all, Now: w.clock.Now,
			RefundByHand: func(t *testing.T, id string, minor int64) { w.refundByHand(t, id, minor, http.StatusCreated) },
		}
	})
}

// The same by the real clock: Run delivers, several at a time, and Close ends it.
func TestRun(t *testing.T) {
	const payments = 20
	w := newWorld(t, func(c *Config) { c.Now, c.MaxConcurrent = time.Now, 4 })
	w.inbox.received = make(chan paymenttest.Webhook, payments)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(context.Background()) }()

	want := map[string]bool{}
	for range payments {
		in, _ := w.start(t, "card_success")
		want[in.PaymentID] = true
	}
	for range payments {
		hook := <-w.inbox.received
		e := testkit.Must(w.client.ParseWebhook(hook.Header, hook.Body, time.Now()))(t)
		if !want[e.PaymentID] {
			t.Fatalf("webhook about %q, which was not started or has had its webhook", e.PaymentID)
		}
		delete(want, e.PaymentID)
	}
	testkit.NoError(t, w.Close())
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := w.Run(context.Background()); err == nil {
		t.Error("Run works after Close")
	}
	if _, err := w.client.Start(t.Context(), paymenttest.Input("EUR", "card_success")); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Start after Close: %v, want ErrUnavailable", err)
	}
}

// A context that ends stops Run while a webhook is on its way; that one is sent again by the next Run.
func TestRun_Interrupted(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Now = time.Now })
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	w.inbox.onHook = func(paymenttest.Webhook) { arrived <- struct{}{}; <-release }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.start(t, "card_success")
	<-arrived
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	close(release)
	if n, err := w.RunOnce(t.Context()); n != 1 || err != nil {
		t.Fatalf("RunOnce did %d jobs (%v), want the webhook again", n, err)
	}
	w.wantTypes(t, payment.EventPaymentSucceeded, payment.EventPaymentSucceeded)
}

func TestConfigValidate(t *testing.T) {
	url := func(string, int) string { return "" }
	tests := []struct {
		name string
		cfg  Config
		ok   bool
	}{
		{"nothing set", Config{}, false},
		{"what has to be set", Config{APIKey: testKey, Secret: testSecret, WebhookURL: url}, true},
		{"short secret", Config{APIKey: testKey, Secret: "short", WebhookURL: url}, false},
		{"short previous secret", Config{APIKey: testKey, Secret: testSecret, PreviousSecret: "short", WebhookURL: url}, false},
		{"negative delay", Config{APIKey: testKey, Secret: testSecret, WebhookURL: url, Delay: -1}, false},
		{"negative limit", Config{APIKey: testKey, Secret: testSecret, WebhookURL: url, MaxQueue: -1}, false},
		{"state file in no folder", Config{APIKey: testKey, Secret: testSecret, WebhookURL: url,
			StateFile: filepath.Join(t.TempDir(), "missing", "state")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewServer(tt.cfg); (err == nil) != tt.ok {
				t.Errorf("NewServer: %v", err)
			}
		})
	}
}
