package sandbox

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

// What each card answers to Start, what it comes to and what the shop is told.
func TestCards(t *testing.T) {
	const (
		processing = payment.StatusProcessing
		succeeded  = payment.StatusSucceeded
		failed     = payment.StatusFailed
		paid       = payment.EventPaymentSucceeded
		declined   = payment.EventPaymentFailed
	)
	tests := []struct {
		method  string
		starts  payment.Status // empty if Start fails
		ends    payment.Status // empty if there is no payment
		failure string
		events  []payment.EventType
	}{
		{"card_success", processing, succeeded, "", []payment.EventType{paid}},
		{"card_success_now", succeeded, succeeded, "", []payment.EventType{paid}},
		{"card_success_slow:2s", processing, succeeded, "", []payment.EventType{paid}},
		{"card_declined", processing, failed, "card_declined", []payment.EventType{declined}},
		{"card_declined_now", failed, failed, "card_declined", []payment.EventType{declined}},
		{"card_insufficient_funds", processing, failed, "insufficient_funds", []payment.EventType{declined}},
		{"card_never", processing, processing, "", nil},
		{"card_duplicate:3", processing, succeeded, "", []payment.EventType{paid, paid, paid}},
		{"card_reordered", processing, succeeded, "", []payment.EventType{paid, declined}},
		{"card_late:30s", processing, succeeded, "", []payment.EventType{paid}},
		{"card_early", processing, succeeded, "", []payment.EventType{paid}},
		{"card_error_then_success", "", succeeded, "", []payment.EventType{paid}},
		{"card_timeout", "", succeeded, "", []payment.EventType{paid}},
		{"card_unavailable", "", "", "", nil},
		{"card_requires_action", payment.StatusRequiresAction, payment.StatusRequiresAction, "", nil},
		{"card_success_refund_fails", processing, succeeded, "", []payment.EventType{paid}},
		{"card_success_refund_fails_now", processing, succeeded, "", []payment.EventType{paid}},
		{"card_success_refund_slow:2s", processing, succeeded, "", []payment.EventType{paid}},

		{"card_early+card_success_now", succeeded, succeeded, "", []payment.EventType{paid}},
		{"card_early+card_declined", processing, failed, "card_declined", []payment.EventType{declined}},
		{"card_error_then_success+card_never", "", processing, "", nil},
		{"card_duplicate:2+card_declined", processing, failed, "card_declined", []payment.EventType{declined, declined}},
		{"card_duplicate:2+card_reordered", processing, succeeded, "", []payment.EventType{paid, paid, declined}},
	}
	tested := map[string]bool{}
	for _, tt := range tests {
		tested[tt.method] = true
		t.Run(tt.method, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.HangFor = time.Millisecond })
			in := paymenttest.Input("EUR", tt.method)
			outcome, err := w.client.Start(t.Context(), in)
			if tt.starts == "" != errors.Is(err, payment.ErrUnavailable) || outcome.Status != tt.starts {
				t.Fatalf("Start = %s, %v, want %q", outcome.Status, err, tt.starts)
			}
			w.settle(t)
			w.wantTypes(t, tt.events...)
			found, err := w.client.Find(t.Context(), in.Asked())
			if tt.ends == "" {
				if !errors.Is(err, payment.ErrUnknownPayment) {
					t.Errorf("Find: %v, want ErrUnknownPayment", err)
				}
				return
			}
			if err != nil || found.Status != tt.ends || found.FailureCode != tt.failure {
				t.Errorf("Find = %s %q, %v, want %s %q", found.Status, found.FailureCode, err, tt.ends, tt.failure)
			}
		})
	}
	for _, c := range Cards() {
		if !tested[c.Example] {
			t.Errorf("%s is not tested", c.Example)
		}
	}
}

func TestParseMethod(t *testing.T) {
	base := plan{start: payment.StatusProcessing, end: payment.StatusSucceeded, copies: 1, refundStart: payment.RefundSucceeded}
	with := func(change func(*plan)) plan {
		p := base
		change(&p)
		return p
	}
	tests := []struct {
		name, method string
		want         plan
		fault        string
	}{
		{name: "plain", method: "card_success", want: base},
		{name: "longest delay", method: "card_success_slow:10m", want: with(func(p *plan) { p.delay = 10 * time.Minute })},
		{name: "joined", method: "card_success_slow:2s+card_declined", want: with(func(p *plan) {
			p.delay, p.end, p.failureCode = 2*time.Second, payment.StatusFailed, "card_declined"
		})},
		{name: "empty", method: "", fault: "no test card"},
		{name: "unknown", method: "card_gold", fault: "no test card"},
		{name: "no duration", method: "card_success_slow", fault: "such as card_success_slow:2s"},
		{name: "empty duration", method: "card_success_slow:", fault: "want a duration"},
		{name: "too slow", method: "card_late:1h1s", fault: "up to 1h"},
		{name: "negative", method: "card_late:-1s", fault: "want a duration"},
		{name: "argument to none", method: "card_success:2s", fault: "not complete"},
		{name: "once is no duplicate", method: "card_duplicate:1", fault: "from 2 to 20"},
		{name: "too many copies", method: "card_duplicate:21", fault: "from 2 to 20"},
		{name: "too many cards", method: strings.Repeat("card_success+", 4) + "card_success", fault: "at most 4"},
		{name: "too long", method: strings.Repeat("x", 201), fault: "too long"},
		{name: "succeeds and is declined", method: "card_success_now+card_declined", fault: "contradicts"},
		{name: "reordered without success", method: "card_reordered+card_declined", fault: "contradicts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseMethod(tt.method)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("error %v, want one with %q", err, tt.fault)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(plan{})); diff != "" || err != nil {
				t.Errorf("error %v, plan (-want +got):\n%s", err, diff)
			}
		})
	}
}

// The outcome comes after the answer and after the card's delay, not before.
func TestCards_Delay(t *testing.T) {
	w := newWorld(t)
	in, _ := w.start(t, "card_success_slow:2s")
	begin := w.clock.Now()
	w.clock.Set(begin.Add(2*time.Second - 1))
	if n, err := w.RunOnce(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d things happened too early (%v)", n, err)
	}
	w.clock.Set(begin.Add(2 * time.Second))
	if n, err := w.RunOnce(t.Context()); n != 2 || err != nil { // the outcome and its webhook
		t.Fatalf("%d things happened (%v), want 2", n, err)
	}
	w.wantStatus(t, in.PaymentID, payment.StatusSucceeded)
}

// The late card succeeds though it was cancelled, and Cancel does not promise otherwise.
func TestCards_LateIgnoresCancel(t *testing.T) {
	w := newWorld(t)
	in, _ := w.start(t, "card_late:30s")
	outcome, err := w.client.Cancel(t.Context(), in.Asked())
	if err != nil || outcome.Status != payment.StatusProcessing {
		t.Fatalf("Cancel = %s, %v, want processing", outcome.Status, err)
	}
	w.settle(t)
	w.wantStatus(t, in.PaymentID, payment.StatusSucceeded)
	w.wantTypes(t, payment.EventPaymentSucceeded)
}

// Cancel stops an outcome that is only planned.
func TestCards_CancelStopsSlowSuccess(t *testing.T) {
	for _, method := range []string{"card_success", "card_success_slow:2s", "card_requires_action", "card_reordered"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			in, _ := w.start(t, method)
			outcome, err := w.client.Cancel(t.Context(), in.Asked())
			if err != nil || outcome.Status != payment.StatusCancelled {
				t.Fatalf("Cancel = %s, %v, want cancelled", outcome.Status, err)
			}
			w.settle(t)
			w.wantStatus(t, in.PaymentID, payment.StatusCancelled)
			w.wantTypes(t, payment.EventPaymentCancelled)
		})
	}
}

// The early card's webhook is delivered while Start is still waiting, and Start's answer is older than it.
func TestCards_EarlyIsBeforeAnswer(t *testing.T) {
	w := newWorld(t)
	answered := false // no other goroutine reads it at the same time: the answer waits for the webhook
	w.inbox.onHook = func(paymenttest.Webhook) {
		if answered {
			t.Error("the webhook came after the answer")
		}
	}
	in, outcome := w.start(t, "card_early")
	answered = true
	if outcome.Status != payment.StatusProcessing {
		t.Errorf("Start answered %s, want processing", outcome.Status)
	}
	w.wantTypes(t, payment.EventPaymentSucceeded)
	w.wantStatus(t, in.PaymentID, payment.StatusSucceeded)
}

// An early webhook that is refused comes again.
func TestCards_EarlyRefused(t *testing.T) {
	w := newWorld(t)
	w.inbox.statuses = []int{http.StatusServiceUnavailable}
	w.start(t, "card_early")
	w.wantTypes(t, payment.EventPaymentSucceeded)
	w.settle(t)
	w.wantTypes(t, payment.EventPaymentSucceeded, payment.EventPaymentSucceeded)
}

// All copies of a duplicate are one event.
func TestCards_DuplicatesShareID(t *testing.T) {
	w := newWorld(t)
	w.start(t, "card_duplicate:5")
	w.settle(t)
	events := w.events(t)
	if len(events) != 5 {
		t.Fatalf("%d webhooks, want 5", len(events))
	}
	for _, e := range events {
		if e.ID != events[0].ID {
			t.Errorf("events %q and %q, want one", e.ID, events[0].ID)
		}
	}
}

// The failure of the reordered card happened before the success, and waits until the success is acknowledged.
func TestCards_Reordered(t *testing.T) {
	w := newWorld(t)
	w.inbox.statuses = []int{500, 500}
	w.start(t, "card_reordered")
	w.settle(t)
	w.wantTypes(t, payment.EventPaymentSucceeded, payment.EventPaymentSucceeded, payment.EventPaymentSucceeded, payment.EventPaymentFailed)
	events := w.events(t)
	success, failure := events[0], events[3]
	if !failure.OccurredAt.Before(success.OccurredAt) {
		t.Errorf("failed at %s, succeeded at %s, want the failure first", failure.OccurredAt, success.OccurredAt)
	}
	if failure.Outcome.Status != payment.StatusFailed || failure.Outcome.CapturedMinor != 0 ||
		failure.Outcome.ProviderRef != success.Outcome.ProviderRef {
		t.Errorf("failure shows %+v, want the same payment as it stood then", failure.Outcome)
	}
}

// The lie is told every time, as long as it is asked.
func TestCards_ErrorThenSuccess(t *testing.T) {
	w := newWorld(t)
	in := paymenttest.Input("EUR", "card_error_then_success")
	for range 2 {
		if _, err := w.client.Start(t.Context(), in); !errors.Is(err, payment.ErrUnavailable) {
			t.Fatalf("Start: %v, want ErrUnavailable", err)
		}
		w.settle(t)
	}
	w.wantTypes(t, payment.EventPaymentSucceeded)
}

// The caller goes while the sandbox hangs, and the payment succeeds after all.
func TestCards_TimeoutByCaller(t *testing.T) {
	w := newWorld(t)
	in := paymenttest.Input("EUR", "card_timeout")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() {
		_, err := w.client.Start(ctx, in)
		started <- err
	}()
	for { // until the payment exists
		if _, err := w.client.Find(t.Context(), in.Asked()); err == nil {
			break
		} else if !errors.Is(err, payment.ErrUnknownPayment) {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-started; !errors.Is(err, payment.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("Start: %v, want ErrUnavailable because of context.Canceled", err)
	}
	w.wantStatus(t, in.PaymentID, payment.StatusProcessing)
	<-w.wake // the sandbox has seen that the caller is gone
	w.settle(t)
	w.wantStatus(t, in.PaymentID, payment.StatusSucceeded)
	w.wantTypes(t, payment.EventPaymentSucceeded)
}

// The client's own timeout ends the hanging too.
func TestCards_TimeoutByClient(t *testing.T) {
	w := newWorld(t)
	c := newTestClient(t, w.api.URL, func(c *ClientConfig) { c.Timeout = 20 * time.Millisecond })
	_, err := c.Start(t.Context(), paymenttest.Input("EUR", "card_timeout"))
	if !errors.Is(err, payment.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Start: %v, want ErrUnavailable because of the deadline", err)
	}
}

func TestConfirm(t *testing.T) {
	post := func(t *testing.T, w *world, id, body string, header http.Header) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.api.URL+"/v1/payments/"+id+"/confirm", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		response := testkit.Must(w.api.Client().Do(r))(t)
		response.Body.Close()
		return response.StatusCode
	}
	key := http.Header{"Authorization": {"Bearer " + testKey}}
	tests := []struct {
		name   string
		method string
		body   func(secret string) string
		header http.Header
		want   int
		ends   payment.Status
	}{
		{"by the browser", "card_requires_action", func(s string) string { return `{"client_secret":"` + s + `"}` }, http.Header{}, 200,
			payment.StatusSucceeded},
		{"by a test", "card_requires_action", func(string) string { return "" }, key, 200, payment.StatusSucceeded},
		{"declined after it", "card_requires_action+card_declined", func(string) string { return "" }, key, 200, payment.StatusFailed},
		{"wrong secret", "card_requires_action", func(s string) string { return `{"client_secret":"` + s + `x"}` }, http.Header{}, 401,
			payment.StatusRequiresAction},
		{"no secret", "card_requires_action", func(string) string { return `{}` }, http.Header{}, 401, payment.StatusRequiresAction},
		{"empty secret where there is none", "card_never", func(string) string { return `{"client_secret":""}` }, http.Header{}, 401,
			payment.StatusProcessing},
		{"nothing to confirm", "card_never", func(string) string { return "" }, key, 409, payment.StatusProcessing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			in, outcome := w.start(t, tt.method)
			if got := post(t, w, in.PaymentID, tt.body(outcome.ClientSecret), tt.header); got != tt.want {
				t.Errorf("answered %d, want %d", got, tt.want)
			}
			w.settle(t)
			w.wantStatus(t, in.PaymentID, tt.ends)
		})
	}
}

func TestRefunds(t *testing.T) {
	tests := []struct {
		method        string
		starts, ends  payment.RefundStatus
		event         payment.EventType
		canRefundMore bool // all of it, once more
	}{
		{"card_success", payment.RefundSucceeded, payment.RefundSucceeded, payment.EventRefundSucceeded, false},
		{"card_success_refund_slow:2s", payment.RefundPending, payment.RefundSucceeded, payment.EventRefundSucceeded, false},
		{"card_success_refund_fails", payment.RefundPending, payment.RefundFailed, payment.EventRefundFailed, true},
		{"card_success_refund_fails_now", payment.RefundFailed, payment.RefundFailed, payment.EventRefundFailed, true},
	}
	for _, tt := range tests {
		t.Run(tt.method, func(t *testing.T) {
			w := newWorld(t)
			in, _ := w.start(t, tt.method)
			w.settle(t)
			refund := payment.RefundInput{RefundID: "rfd_euw_a", PaymentID: in.PaymentID, Amount: in.Amount}
			first, err := w.client.Refund(t.Context(), refund)
			if err != nil || first.Status != tt.starts {
				t.Fatalf("Refund = %s, %v, want %s", first.Status, err, tt.starts)
			}
			w.settle(t)
			again, err := w.client.Refund(t.Context(), refund)
			if err != nil || again.Status != tt.ends || (again.FailureCode != "") != (tt.ends == payment.RefundFailed) {
				t.Errorf("Refund again = %s %q, %v, want %s", again.Status, again.FailureCode, err, tt.ends)
			}
			w.wantTypes(t, payment.EventPaymentSucceeded, tt.event)
			refund.RefundID = "rfd_euw_b"
			if _, err := w.client.Refund(t.Context(), refund); errors.Is(err, payment.ErrRefundTooLarge) == tt.canRefundMore {
				t.Errorf("another refund: %v", err)
			}
		})
	}
}
