package stripe

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

// An intent that was made and not confirmed is no payment yet.
func TestFind_Untried(t *testing.T) {
	f := newFake(t)
	f.before = func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/confirm") } // the pod dies
	in := input(methodSuccess)
	if _, err := f.client().Start(t.Context(), in); !errors.Is(err, payment.ErrUnavailable) {
		t.Fatalf("Start: %v", err)
	}
	f.change(func() { f.before = nil })
	asked := in.Asked()
	for _, ref := range []string{"", f.intent().id} {
		asked.ProviderRef = ref
		if _, err := f.client().Find(t.Context(), asked); !errors.Is(err, payment.ErrUnknownPayment) {
			t.Errorf("Find by %q: %v, want ErrUnknownPayment", ref, err)
		}
	}
}

// After a day our own id is in Stripe's index.
func TestFind_ByOurID(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	first := start(t, f.client(), in)
	found, err := f.later(24*time.Hour).Find(t.Context(), in.Asked())
	if err != nil || found != first {
		t.Errorf("Find = %+v, %v, want %+v", found, err, first)
	}
	f.change(func() { f.unindexed = true })
	if _, err := f.later(24*time.Hour).Find(t.Context(), in.Asked()); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("Find: %v, want ErrUnknownPayment", err)
	}
}

// An answer about another payment, or of another amount, is none.
func TestFind_AnotherPayment(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	asked := known(in, start(t, f.client(), in))
	other := asked
	other.PaymentID = "pay_euw_other"
	dearer := asked
	dearer.Amount.Minor++
	for name, asked := range map[string]payment.Asked{"another payment": other, "another amount": dearer} {
		if outcome, err := f.client().Find(t.Context(), asked); !errors.Is(err, payment.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", name, outcome, err)
		}
	}
}

func TestPaymentOf(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	first := start(t, f.client(), in)
	if id, err := f.client().PaymentOf(t.Context(), first.ProviderRef); err != nil || id != in.PaymentID {
		t.Errorf("PaymentOf = %q, %v", id, err)
	}
	if _, err := f.client().PaymentOf(t.Context(), "pi_nobody"); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("PaymentOf: %v, want ErrUnknownPayment", err)
	}
	f.change(func() { f.intents[first.ProviderRef].metadata = nil })
	if _, err := f.client().PaymentOf(t.Context(), first.ProviderRef); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("PaymentOf one that is not ours: %v, want ErrUnknownPayment", err)
	}
}

// Cancel leaves a mark by which a Start that was on its way finds the payment given up.
func TestCancel_BeforeStart(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	outcome, err := f.client().Cancel(t.Context(), in.Asked())
	if err != nil || outcome.Status != payment.StatusCancelled {
		t.Fatalf("Cancel = %s, %v", outcome.Status, err)
	}
	if late := start(t, f.client(), in); late.Status != payment.StatusCancelled || late.ProviderRef != outcome.ProviderRef {
		t.Errorf("Start = %+v", late)
	}
}

// A Start that has made its intent and not yet confirmed it when the payment is cancelled takes no money.
func TestCancel_BetweenTheStepsOfStart(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	f.before = func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/confirm") {
			for _, intent := range f.intents {
				intent.status, intent.reason = "canceled", string(givenUp)
			}
		}
		return true
	}
	if outcome := start(t, f.client(), in); outcome.Status != payment.StatusCancelled || outcome.CapturedMinor != 0 {
		t.Errorf("Start = %+v", outcome)
	}
}

// What is in flight cannot be stopped.
func TestCancel_Processing(t *testing.T) {
	f := newFake(t)
	in := input(methodBank)
	first := start(t, f.client(), in)
	for _, asked := range []payment.Asked{known(in, first), in.Asked()} {
		if outcome, err := f.client().Cancel(t.Context(), asked); err != nil || outcome.Status != payment.StatusProcessing {
			t.Errorf("Cancel = %s, %v", outcome.Status, err)
		}
	}
}

// After a day nothing is made any more.
func TestCancel_KeyForgotten(t *testing.T) {
	f := newFake(t)
	in := input(methodAction)
	start(t, f.client(), in)
	outcome, err := f.later(24*time.Hour).Cancel(t.Context(), in.Asked())
	if err != nil || outcome.Status != payment.StatusCancelled {
		t.Errorf("Cancel = %s, %v", outcome.Status, err)
	}
	if _, err := f.later(24*time.Hour).Cancel(t.Context(), input(methodSuccess).Asked()); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("Cancel: %v, want ErrUnknownPayment", err)
	}
	f.intent() // the only one
}

func manual(c *Config) { c.Capture = CaptureManual }

// Money is held first. Part of it is taken, once, and the rest let go of.
func TestCapture(t *testing.T) {
	f := newFake(t)
	c, in := f.client(manual), input(methodSuccess)
	first := start(t, c, in)
	if first.Status != payment.StatusAuthorized || first.CapturedMinor != 0 {
		t.Fatalf("Start = %+v", first)
	}
	asked := known(in, first)
	var rejected *payment.RejectedError
	for _, amount := range []money.Amount{money.New(1251, "EUR"), money.New(0, "EUR"), money.New(1250, "USD")} {
		if _, err := c.Capture(t.Context(), asked, amount); !errors.As(err, &rejected) || rejected.Code != codeNotHeld {
			t.Errorf("Capture of %s: %v", amount, err)
		}
	}
	want := payment.Outcome{Status: payment.StatusSucceeded, ProviderRef: first.ProviderRef, Amount: in.Amount, CapturedMinor: 400}
	for range 2 {
		got := testkit.Must(c.Capture(t.Context(), asked, money.New(400, "EUR")))(t)
		wantEqual(t, want, got)
	}
	if n := f.told("payment_intent.succeeded"); n != 1 {
		t.Errorf("captured %d times", n)
	}
	refund := payment.RefundInput{RefundID: "rfd_euw_1", PaymentID: in.PaymentID, PaymentRef: first.ProviderRef, Amount: money.New(401, "EUR")}
	if _, err := c.Refund(t.Context(), refund); !errors.Is(err, payment.ErrRefundTooLarge) {
		t.Errorf("Refund of more than was taken: %v", err)
	}
}

// Money that is held is let go of, and then not taken.
func TestCapture_Cancelled(t *testing.T) {
	f := newFake(t)
	c, in := f.client(manual), input(methodSuccess)
	asked := known(in, start(t, c, in))
	if outcome, err := c.Cancel(t.Context(), asked); err != nil || outcome.Status != payment.StatusCancelled {
		t.Fatalf("Cancel = %s, %v", outcome.Status, err)
	}
	if _, err := c.Capture(t.Context(), asked, in.Amount); !errors.As(err, new(*payment.RejectedError)) {
		t.Errorf("Capture: %v, want a RejectedError", err)
	}
}

// The answer to a capture is lost: it is done once all the same.
func TestCapture_Lost(t *testing.T) {
	f := newFake(t)
	c, in := f.client(manual), input(methodSuccess)
	asked := known(in, start(t, c, in))
	f.change(func() { f.after = func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/capture") } })
	if _, err := c.Capture(t.Context(), asked, in.Amount); !errors.Is(err, payment.ErrUnavailable) {
		t.Fatalf("Capture: %v", err)
	}
	f.change(func() { f.after = nil })
	if outcome, err := c.Capture(t.Context(), asked, in.Amount); err != nil || outcome.CapturedMinor != in.Amount.Minor {
		t.Errorf("Capture = %+v, %v", outcome, err)
	}
}

// A refund may be pending for days, in which Stripe forgets its key: it is found, not made again.
func TestRefund_KeyForgotten(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	first := start(t, f.client(), in)
	f.change(func() { f.refundState = "pending" })
	refund := payment.RefundInput{RefundID: "rfd_euw_1", PaymentID: in.PaymentID, PaymentRef: first.ProviderRef, Amount: money.New(500, "EUR")}
	for status, want := range map[string]payment.RefundOutcome{
		"pending":         {Status: payment.RefundPending},
		"requires_action": {Status: payment.RefundPending},
		"succeeded":       {Status: payment.RefundSucceeded},
		"failed":          {Status: payment.RefundFailed, FailureCode: "expired_or_canceled_card"},
		"canceled":        {Status: payment.RefundFailed, FailureCode: "canceled"},
	} {
		f.change(func() {
			if len(f.refunds) > 0 {
				f.refunds[0].status = status
			}
			f.refundState = status
		})
		got := testkit.Must(f.later(48*time.Hour).Refund(t.Context(), refund))(t)
		want.ProviderRef, want.Amount = got.ProviderRef, refund.Amount
		wantEqual(t, want, got)
	}
	if n := f.refundsMade(); n != 1 {
		t.Errorf("%d refunds were made", n)
	}
}

// The answer to a refund is lost.
func TestRefund_Lost(t *testing.T) {
	f := newFake(t)
	in := input(methodSuccess)
	first := start(t, f.client(), in)
	refund := payment.RefundInput{RefundID: "rfd_euw_1", PaymentID: in.PaymentID, PaymentRef: first.ProviderRef, Amount: money.New(500, "EUR")}
	f.change(func() { f.after = func(r *http.Request) bool { return r.Method != http.MethodPost } })
	if _, err := f.client().Refund(t.Context(), refund); !errors.Is(err, payment.ErrUnavailable) {
		t.Fatalf("Refund: %v", err)
	}
	f.change(func() { f.after = nil })
	if outcome, err := f.client().Refund(t.Context(), refund); err != nil || outcome.Status != payment.RefundSucceeded {
		t.Errorf("Refund = %+v, %v", outcome, err)
	}
	if n := f.refundsMade(); n != 1 {
		t.Errorf("%d refunds were made", n)
	}
}

func TestRefund_Refused(t *testing.T) {
	f := newFake(t)
	in := paymenttest.Input("KWD", methodSuccess)
	first := start(t, f.client(), in)
	refund := payment.RefundInput{RefundID: "rfd_euw_1", PaymentID: in.PaymentID, PaymentRef: first.ProviderRef, Amount: money.New(500, "KWD")}
	tests := []struct {
		name   string
		change func(*payment.RefundInput)
		want   error // nil for a *payment.RejectedError
	}{
		{"of nothing", func(r *payment.RefundInput) { r.Amount.Minor = 0 }, nil},
		{"below zero", func(r *payment.RefundInput) { r.Amount.Minor = -10 }, nil},
		{"too fine an amount", func(r *payment.RefundInput) { r.Amount.Minor = 501 }, nil},
		{"without an id", func(r *payment.RefundInput) { r.RefundID = "" }, nil},
		{"in another currency", func(r *payment.RefundInput) { r.Amount.Currency = "BHD" }, payment.ErrRefundTooLarge},
		{"of a payment nobody heard of", func(r *payment.RefundInput) { r.PaymentRef = "" }, payment.ErrUnknownPayment},
		{"of another payment", func(r *payment.RefundInput) { r.PaymentID = "pay_euw_other" }, payment.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := refund
			tt.change(&in)
			_, err := f.client().Refund(t.Context(), in)
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, new(*payment.RejectedError)) {
				t.Errorf("Refund: %v, want %v", err, tt.want)
			}
		})
	}
	if n := f.refundsMade(); n != 0 {
		t.Errorf("%d refunds were made", n)
	}
}
