package sandbox

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/payment"
	"meridian/internal/testkit/paymenttest"
)

// A webhook is sent until it is acknowledged, signed anew each time, at growing distances.
func TestDeliver_Retry(t *testing.T) {
	w := newWorld(t)
	w.inbox.statuses = []int{500, 302, 404, 503}
	var at []time.Time
	w.inbox.onHook = func(hook paymenttest.Webhook) {
		at = append(at, w.clock.Now()) // RunOnce sends one at a time
		if _, err := w.client.ParseWebhook(hook.Header, hook.Body, w.clock.Now()); err != nil {
			t.Error(err)
		}
	}
	w.start(t, "card_success")
	w.settle(t)
	if len(at) != 5 {
		t.Fatalf("%d tries, want 5", len(at))
	}
	first := w.cfg.FirstBackoff
	for i := range 4 {
		longest := first << i
		if pause := at[i+1].Sub(at[i]); pause < longest/2 || pause > longest {
			t.Errorf("pause %d is %s, want %s to %s", i, pause, longest/2, longest)
		}
	}
	events := w.events(t)
	for _, e := range events {
		if e.ID != events[0].ID {
			t.Errorf("try of event %q, want %q", e.ID, events[0].ID)
		}
	}
}

func TestDeliver_GivesUp(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxTries = 3 })
	w.inbox.statuses = []int{500, 500, 500, 500}
	w.start(t, "card_success")
	w.settle(t)
	if n := len(w.inbox.all()); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
	if n := len(w.memory.events); n != 0 {
		t.Errorf("%d events are kept", n)
	}
}

// A receiver that cannot be reached is tried at another address, if the shop says so.
func TestDeliver_AnotherAddress(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	var tries []int
	var about string
	var live string
	w := newWorld(t, func(c *Config) {
		c.WebhookURL = func(id string, try int) string {
			tries, about = append(tries, try), id
			if try < 2 {
				return dead.URL
			}
			return live
		}
	})
	live = w.inbox.URL
	in, _ := w.start(t, "card_success")
	w.settle(t)
	w.wantTypes(t, payment.EventPaymentSucceeded)
	if diff := cmp.Diff([]int{0, 1, 2}, tries); diff != "" || about != in.PaymentID {
		t.Errorf("asked about %q, tries (-want +got):\n%s", about, diff)
	}
}

func TestDeliver_NobodyWantsToKnow(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.WebhookURL = func(string, int) string { return "" } })
	in, _ := w.start(t, "card_success")
	w.settle(t)
	w.wantStatus(t, in.PaymentID, payment.StatusSucceeded)
	w.wantTypes(t)
}

// While a secret is replaced, receivers with either secret understand.
func TestDeliver_SecretRotation(t *testing.T) {
	const next = "the next secret of the tests"
	w := newWorld(t, func(c *Config) { c.Secret, c.PreviousSecret = next, testSecret })
	w.start(t, "card_success")
	w.settle(t)
	hook := w.inbox.all()[0]
	clients := map[string]*Client{
		"previous": w.client,
		"next":     newTestClient(t, w.api.URL, func(c *ClientConfig) { c.WebhookSecret = next }),
	}
	for name, c := range clients {
		if _, err := c.ParseWebhook(hook.Header, hook.Body, w.clock.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBackoff(t *testing.T) {
	s := &Server{cfg: Config{FirstBackoff: 100 * time.Millisecond, MaxBackoff: time.Minute}}
	for try, longest := range map[int]time.Duration{0: 100 * time.Millisecond, 3: 800 * time.Millisecond, 10: time.Minute, 1000: time.Minute} {
		for range 100 {
			if d := s.backoff(try); d < longest/2 || d > longest {
				t.Fatalf("after try %d: %s, want %s to %s", try, d, longest/2, longest)
			}
		}
	}
}

// When too much is waiting, new payments are refused and old ones go on.
func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxQueue = 2 })
	first, _ := w.start(t, "card_success")
	w.start(t, "card_success")
	refused := paymenttest.Input("EUR", "card_success")
	if _, err := w.client.Start(t.Context(), refused); err == nil {
		t.Fatal("a third payment was started")
	}
	if _, err := w.client.Start(t.Context(), first); err != nil {
		t.Errorf("the first payment is refused when started again: %v", err)
	}
	w.settle(t)
	if _, err := w.client.Start(t.Context(), refused); err != nil {
		t.Errorf("refused when there is room again: %v", err)
	}
}

// The oldest settled payments are forgotten first, open ones never.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxPayments = 3 })
	open, _ := w.start(t, "card_never")
	settled, _ := w.start(t, "card_success_now")
	w.start(t, "card_never")
	w.start(t, "card_never")
	w.wantStatus(t, open.PaymentID, payment.StatusProcessing)
	if _, err := w.client.Find(t.Context(), settled.Asked()); err == nil {
		t.Error("the settled payment is still known")
	}
	if _, err := w.client.Start(t.Context(), paymenttest.Input("EUR", "card_never")); err == nil {
		t.Error("a fourth open payment was started")
	}
}
