package stripe

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

func wantEqual[T any](t *testing.T, want, got T, options ...cmp.Option) {
	t.Helper()
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func start(t *testing.T, c *Client, in payment.StartInput) payment.Outcome {
	t.Helper()
	outcome := testkit.Must(c.Start(t.Context(), in))(t)
	return outcome
}

// told counts the events of a kind that were sent.
func (f *fake) told(kind string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, hook := range f.hooks {
		if strings.Contains(string(hook.Body), `"type":"`+kind+`"`) {
			n++
		}
	}
	return n
}

// What is sent is what Stripe wants, to the last field; stripe-mock has judged it too.
func TestStart_Sends(t *testing.T) {
	type request struct {
		method, path, key string
		form              url.Values
	}
	var sent []request
	f := newFake(t)
	f.before = func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		sent = append(sent, request{r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), form})
		if r.Header.Get("Authorization") != "Bearer "+testKey || r.Header.Get("Stripe-Version") != APIVersion {
			t.Errorf("headers are %v", r.Header)
		}
		if r.Header.Get("X-Stripe-Client-Telemetry") != "" {
			t.Error("telemetry is sent")
		}
		return true
	}
	in := paymenttest.Input("KWD", methodSuccess)
	outcome := start(t, f.client(), in)
	wantEqual(t, payment.Outcome{
		Status: payment.StatusSucceeded, ProviderRef: f.intent().id, Amount: in.Amount, CapturedMinor: in.Amount.Minor,
	}, outcome)
	wantEqual(t, []request{
		{"POST", "/v1/payment_intents", in.PaymentID, url.Values{
			"amount": {"1250"}, "currency": {"kwd"}, "payment_method_types[0]": {"card"},
			"metadata[payment_id]": {in.PaymentID}, "metadata[order_id]": {in.OrderID},
		}},
		{"POST", "/v1/payment_intents/" + outcome.ProviderRef + "/confirm", in.PaymentID + "/confirm", url.Values{
			"payment_method": {methodSuccess}, "capture_method": {"automatic"}, "return_url": {in.ReturnURL},
		}},
	}, sent, cmp.AllowUnexported(request{}))
}

// Each currency's amount is charged, and found again, as it was agreed to.
func TestStart_Currencies(t *testing.T) {
	for currency, charged := range map[money.Currency]int64{"JPY": 1250, "ISK": 125000, "UGX": 125000, "BHD": 1250, "GBP": 1250} {
		t.Run(string(currency), func(t *testing.T) {
			f := newFake(t)
			in := paymenttest.Input(currency, methodSuccess)
			if outcome := start(t, f.client(), in); outcome.Amount != in.Amount || outcome.CapturedMinor != in.Amount.Minor {
				t.Errorf("outcome %+v", outcome)
			}
			if got := f.intent().received; got != charged {
				t.Errorf("%d was charged, want %d", got, charged)
			}
		})
	}
}

// What Stripe should not even be asked is refused before.
func TestStart_Refused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*payment.StartInput)
		code   string
	}{
		{"lines that do not add up", func(in *payment.StartInput) { in.Amount.Minor-- }, codeInput},
		{"no time", func(in *payment.StartInput) { in.PlacedAt = time.Time{} }, codeInput},
		{"a card number", func(in *payment.StartInput) { in.Method = "4242424242424242" }, codeMethod},
		{"no such currency there", func(in *payment.StartInput) { *in = paymenttest.Input("IQD", methodSuccess) }, codeCurrency},
		{"too fine an amount", func(in *payment.StartInput) {
			*in = paymenttest.Input("KWD", methodSuccess)
			in.Amount.Minor++
			in.Lines[0].Total.Minor++
		}, codeAmount},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.before = func(*http.Request) bool { t.Error("Stripe was asked"); return true }
			in := input(methodSuccess)
			tt.change(&in)
			_, err := f.client().Start(t.Context(), in)
			var rejected *payment.RejectedError
			if !errors.As(err, &rejected) || rejected.Code != tt.code {
				t.Errorf("Start: %v, want %s", err, tt.code)
			}
		})
	}
}

// A payment that was declined is over: nobody can pay with its intent any more.
func TestStart_Declined(t *testing.T) {
	f := newFake(t)
	c, in := f.client(), input(methodDeclined)
	want := payment.Outcome{Status: payment.StatusFailed, FailureCode: "insufficient_funds", Amount: in.Amount}
	first := start(t, c, in)
	if first.FailureCode == "" || first.Status != want.Status {
		t.Errorf("Start = %+v", first)
	}
	if closed := f.intent(); closed.status != "canceled" || closed.reason != string(afterRefusal) {
		t.Errorf("the intent is %s, %q", closed.status, closed.reason)
	}
	if again := start(t, c, in); again.Status != payment.StatusFailed {
		t.Errorf("second Start = %+v", again)
	}
	if n := f.told("payment_intent.payment_failed"); n != 1 {
		t.Errorf("the card was tried %d times", n)
	}
}

// So is one whose method Stripe does not know, and what Stripe wrote about it goes nowhere.
func TestStart_UnknownMethod(t *testing.T) {
	f := newFake(t)
	_, err := f.client().Start(t.Context(), input(methodNobody))
	var rejected *payment.RejectedError
	if !errors.As(err, &rejected) || rejected.Code != "resource_missing" || errors.Is(err, payment.ErrUnknownPayment) {
		t.Fatalf("Start: %v", err)
	}
	if strings.Contains(err.Error(), "Quillon") || strings.Contains(rejected.Message, "Quillon") {
		t.Errorf("the error quotes Stripe: %v", err)
	}
	if status := f.intent().status; status != "canceled" {
		t.Errorf("the intent is %s", status)
	}
}

// Whichever request or answer gets lost, and however often Start is called then: one intent, one charge.
func TestStart_Lost(t *testing.T) {
	for _, method := range []string{methodSuccess, methodDeclined} {
		for n := range 6 {
			for _, before := range []bool{true, false} {
				f := newFake(t)
				requests := 0
				lose := func(*http.Request) bool { requests++; return requests != n+1 }
				if before {
					f.before = lose
				} else {
					f.after = lose
				}
				in := input(method)
				outcome, err := f.client().Start(t.Context(), in)
				for err != nil {
					if !errors.Is(err, payment.ErrUnavailable) {
						t.Fatal(err)
					}
					outcome, err = f.client().Start(t.Context(), in) // another pod's
				}
				intent := f.intent()
				switch method {
				case methodSuccess:
					if outcome.Status != payment.StatusSucceeded || f.told("payment_intent.succeeded") != 1 {
						t.Errorf("request %d lost: %s, %d successes", n, outcome.Status, f.told("payment_intent.succeeded"))
					}
				case methodDeclined:
					if outcome.Status != payment.StatusFailed || f.told("payment_intent.payment_failed") != 1 || intent.status != "canceled" {
						t.Errorf("request %d lost: %s, %d declines, %s", n, outcome.Status, f.told("payment_intent.payment_failed"), intent.status)
					}
				}
			}
		}
	}
}

// A worker knows no return URL. Whoever is quicker, the shopper's method is tried once.
func TestStart_OtherReturnURL(t *testing.T) {
	f := newFake(t)
	in := input(methodDeclined)
	var racing sync.WaitGroup
	for i := range 8 {
		racing.Go(func() {
			other := in
			if i%2 == 0 {
				other.ReturnURL = ""
			}
			outcome, err := f.client().Start(t.Context(), other)
			if err != nil || outcome.Status != payment.StatusFailed {
				t.Errorf("Start = %s, %v", outcome.Status, err)
			}
		})
	}
	racing.Wait()
	if n := f.told("payment_intent.payment_failed"); n != 1 {
		t.Errorf("the card was tried %d times", n)
	}
}

// 3-D Secure: the shopper is sent to the bank with the client secret, and the answer is heard whoever asks.
func TestStart_RequiresAction(t *testing.T) {
	f := newFake(t)
	c, in := f.client(), input(methodAction)
	first := start(t, c, in)
	if first.Status != payment.StatusRequiresAction || first.ClientSecret == "" {
		t.Fatalf("Start = %+v", first)
	}
	wantEqual(t, first, start(t, c, in))
	f.change(func() { f.authenticate(f.intents[first.ProviderRef], map[string]any{}) })
	if after := start(t, c, in); after.Status != payment.StatusSucceeded || after.ClientSecret != "" {
		t.Errorf("Start = %+v", after)
	}
}

// The shopper's bank says no: the intent is closed, though the shopper still has the secret.
func TestStart_ActionFailed(t *testing.T) {
	f := newFake(t)
	c, in := f.client(), input(methodAction)
	first := start(t, c, in)
	f.change(func() { f.decline(f.intents[first.ProviderRef], map[string]any{}) })
	found, err := c.Find(t.Context(), known(in, first))
	if err != nil || found.Status != payment.StatusFailed {
		t.Fatalf("Find = %s, %v", found.Status, err)
	}
	if again := start(t, c, in); again.Status != payment.StatusFailed || f.intent().status != "canceled" {
		t.Errorf("Start = %s, and the intent is %s", again.Status, f.intent().status)
	}
}

func known(in payment.StartInput, heard payment.Outcome) payment.Asked {
	asked := in.Asked()
	asked.ProviderRef = heard.ProviderRef
	return asked
}

// later is a client for which that much time has passed, of a Stripe that has forgotten the keys.
func (f *fake) later(d time.Duration) *Client {
	f.change(func() { clear(f.keys) })
	return f.client(func(c *Config) { c.Now = func() time.Time { return time.Now().Add(d) } })
}

// When Stripe has forgotten the key no second intent is made: what there is is found, and what there is not is refused.
func TestStart_KeyForgotten(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	first := start(t, f.client(), in)
	if again := start(t, f.later(24*time.Hour), in); again != first {
		t.Errorf("Start = %+v, was %+v", again, first)
	}
	_, err := f.later(24*time.Hour).Start(t.Context(), input(methodSuccess))
	var rejected *payment.RejectedError
	if !errors.As(err, &rejected) || rejected.Code != codeOld {
		t.Errorf("Start of what was never started: %v", err)
	}
	f.intent() // the only one
}
