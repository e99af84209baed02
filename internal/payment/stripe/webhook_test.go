package stripe

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
)

// intentObject is a payment as an event shows it, with some fields changed.
func intentObject(change map[string]any) map[string]any {
	object := map[string]any{
		"id": "pi_1", "object": "payment_intent", "amount": 125000, "amount_received": 0, "currency": "isk", "status": "processing",
		"metadata": map[string]string{"payment_id": "pay_euw_1", "order_id": "ord_euw_1"}, "client_secret": "pi_1_secret_x",
		"latest_charge": "ch_1", "payment_method": "pm_1",
	}
	maps.Copy(object, change)
	return object
}

func refundObject(change map[string]any) map[string]any {
	object := map[string]any{
		"id": "re_1", "object": "refund", "amount": 50000, "currency": "isk", "status": "succeeded", "payment_intent": "pi_1",
		"charge": "ch_1", "metadata": map[string]string{"payment_id": "pay_euw_1", "refund_id": "rfd_euw_1"},
	}
	maps.Copy(object, change)
	return object
}

func disputeObject(change map[string]any) map[string]any {
	object := map[string]any{
		"id": "du_1", "object": "dispute", "amount": 125000, "currency": "isk", "status": "needs_response", "reason": "fraudulent",
		"payment_intent": "pi_1", "charge": "ch_1", "metadata": map[string]string{},
	}
	maps.Copy(object, change)
	return object
}

func TestParseWebhook(t *testing.T) {
	isk := func(minor int64) money.Amount { return money.New(minor, "ISK") }
	outcome := func(o payment.Outcome) payment.Event {
		o.ProviderRef, o.Amount = "pi_1", isk(1250)
		return payment.Event{PaymentID: "pay_euw_1", Outcome: o}
	}
	refund := func(o payment.RefundOutcome) payment.Event {
		o.ProviderRef, o.Amount = "re_1", isk(500)
		return payment.Event{PaymentID: "pay_euw_1", RefundID: "rfd_euw_1", Refund: o}
	}
	dispute := func(status string) payment.Event {
		return payment.Event{Dispute: payment.Dispute{ProviderRef: "du_1", PaymentRef: "pi_1", Reason: "fraudulent", Status: status,
			Amount: isk(1250)}}
	}
	declined := map[string]any{"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}
	tests := []struct {
		name, kind string
		object     map[string]any
		wantType   payment.EventType
		want       payment.Event
	}{
		{"paid", "payment_intent.succeeded", intentObject(map[string]any{"status": "succeeded", "amount_received": 125000}),
			payment.EventPaymentSucceeded, outcome(payment.Outcome{Status: payment.StatusSucceeded, CapturedMinor: 1250})},
		{"paid in part", "payment_intent.succeeded", intentObject(map[string]any{"status": "succeeded", "amount_received": 100}),
			payment.EventPaymentSucceeded, outcome(payment.Outcome{Status: payment.StatusSucceeded, CapturedMinor: 1})},
		{"declined", "payment_intent.payment_failed", intentObject(map[string]any{"status": "requires_payment_method",
			"last_payment_error": declined}),
			payment.EventPaymentFailed, outcome(payment.Outcome{Status: payment.StatusFailed, FailureCode: "lost_card"})},
		{"given up", "payment_intent.canceled", intentObject(map[string]any{"status": "canceled",
			"cancellation_reason": "requested_by_customer"}),
			payment.EventPaymentCancelled, outcome(payment.Outcome{Status: payment.StatusCancelled})},
		{"held for too long", "payment_intent.canceled", intentObject(map[string]any{"status": "canceled", "cancellation_reason": "automatic"}),
			payment.EventPaymentCancelled, outcome(payment.Outcome{Status: payment.StatusCancelled})},
		{"closed after it was declined", "payment_intent.canceled",
			intentObject(map[string]any{"status": "canceled", "cancellation_reason": "abandoned"}),
			payment.EventOther, payment.Event{}},
		{"3-D Secure", "payment_intent.requires_action", intentObject(map[string]any{"status": "requires_action"}),
			payment.EventPaymentRequiresAction, outcome(payment.Outcome{Status: payment.StatusRequiresAction, ClientSecret: "pi_1_secret_x"})},
		{"held", "payment_intent.amount_capturable_updated",
			intentObject(map[string]any{"status": "requires_capture", "amount_capturable": 125000}),
			payment.EventPaymentAuthorized, outcome(payment.Outcome{Status: payment.StatusAuthorized})},
		{"another's payment", "payment_intent.succeeded", intentObject(map[string]any{"status": "succeeded", "metadata": map[string]string{}}),
			payment.EventOther, payment.Event{}},
		{"another's, in a currency we do not know", "payment_intent.succeeded",
			intentObject(map[string]any{"status": "succeeded", "metadata": nil, "currency": "xxx"}),
			payment.EventOther, payment.Event{}},
		{"an end that its payment does not have", "payment_intent.succeeded", intentObject(map[string]any{"status": "great"}),
			payment.EventOther, payment.Event{}},
		{"made", "payment_intent.created", intentObject(nil), payment.EventOther, payment.Event{}},

		{"refunded", "refund.created", refundObject(nil),
			payment.EventRefundSucceeded, refund(payment.RefundOutcome{Status: payment.RefundSucceeded})},
		{"refunded later", "refund.updated", refundObject(nil),
			payment.EventRefundSucceeded, refund(payment.RefundOutcome{Status: payment.RefundSucceeded})},
		{"refunded, as older endpoints are told", "charge.refund.updated", refundObject(nil),
			payment.EventRefundSucceeded, refund(payment.RefundOutcome{Status: payment.RefundSucceeded})},
		{"refund failed", "refund.failed", refundObject(map[string]any{"status": "failed", "failure_reason": "lost_or_stolen_card"}),
			payment.EventRefundFailed, refund(payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "lost_or_stolen_card"})},
		{"refund cancelled", "refund.updated", refundObject(map[string]any{"status": "canceled"}),
			payment.EventRefundFailed, refund(payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "canceled"})},
		{"refund on its way", "refund.created", refundObject(map[string]any{"status": "pending"}), payment.EventOther, payment.Event{}},
		{"refund made in the dashboard", "refund.created", refundObject(map[string]any{"metadata": map[string]string{}}),
			payment.EventRefundMade, payment.Event{PaymentRef: "pi_1"}},
		{"refund made in the dashboard, failed", "refund.failed",
			refundObject(map[string]any{"metadata": map[string]string{}, "status": "failed"}),
			payment.EventRefundMade, payment.Event{PaymentRef: "pi_1"}},
		{"refund of a bare charge", "refund.created", refundObject(map[string]any{"metadata": nil, "payment_intent": nil}),
			payment.EventOther, payment.Event{}},
		{"charge refunded", "charge.refunded", map[string]any{"id": "ch_1", "object": "charge"}, payment.EventOther, payment.Event{}},

		{"disputed", "charge.dispute.created", disputeObject(nil), payment.EventDisputeOpened, dispute("needs_response")},
		{"dispute lost", "charge.dispute.closed", disputeObject(map[string]any{"status": "lost"}), payment.EventDisputeClosed, dispute("lost")},
		{"dispute of a bare charge", "charge.dispute.created", disputeObject(map[string]any{"payment_intent": nil}), payment.EventOther,
			payment.Event{}},
		{"dispute looked at", "charge.dispute.updated", disputeObject(nil), payment.EventOther, payment.Event{}},

		{"of something else", "customer.created", map[string]any{"id": "cus_1", "object": "customer", "email": "ada@example.com"},
			payment.EventOther, payment.Event{}},
		{"of something new", "payment_intent.teleported", intentObject(nil), payment.EventOther, payment.Event{}},
	}
	c := newFake(t).client()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := eventBody("evt_1", tt.kind, APIVersion, tt.object)
			for range 2 { // a duplicate is the same event
				got := testkit.Must(c.ParseWebhook(signed(body, testSecret, time.Now()), body, time.Now()))(t)
				if age := time.Since(got.OccurredAt); age < 0 || age > time.Minute || got.OccurredAt.Location() != time.UTC {
					t.Errorf("it occurred at %s", got.OccurredAt)
				}
				want := tt.want
				want.ID, want.Type, want.OccurredAt = "evt_1", tt.wantType, got.OccurredAt
				wantEqual(t, want, got)
			}
		})
	}
}

func TestParseWebhook_Refused(t *testing.T) {
	now := time.Now()
	good := eventBody("evt_1", "payment_intent.succeeded", APIVersion,
		intentObject(map[string]any{"status": "succeeded", "amount_received": 125000}))
	header := func(value string) http.Header { return http.Header{"Stripe-Signature": {value}} }
	signature := signed(good, testSecret, now).Get("Stripe-Signature")
	odd := func(change map[string]any) []byte {
		return eventBody("evt_1", "payment_intent.succeeded", APIVersion, intentObject(change))
	}
	tests := []struct {
		name   string
		header http.Header
		body   []byte
		want   error
	}{
		{"good", signed(good, testSecret, now), good, nil},
		{"not signed", http.Header{}, good, payment.ErrBadSignature},
		{"signed by another", signed(good, "whsec_somebody_elses", now), good, payment.ErrBadSignature},
		{"another body", signed(good, testSecret, now), append(good[:len(good):len(good)], ' '), payment.ErrBadSignature},
		{"signed long ago", signed(good, testSecret, now.Add(-payment.SignatureTolerance-2*time.Second)), good, payment.ErrBadSignature},
		{"signed for later", signed(good, testSecret, now.Add(payment.SignatureTolerance+2*time.Second)), good, payment.ErrBadSignature},
		{"signed a while ago", signed(good, testSecret, now.Add(-payment.SignatureTolerance+2*time.Second)), good, nil},
		{"another time than signed", header(strings.Replace(signature, "t=1", "t=2", 1)), good, payment.ErrBadSignature},
		{"a second time", header("t=1," + signature), good, payment.ErrBadSignature},
		{"a second time behind", header(signature + ",t=1"), good, payment.ErrBadSignature},
		{"no time", header(signature[strings.Index(signature, ",")+1:]), good, payment.ErrBadSignature},
		{"another scheme", header(strings.Replace(signature, "v1=", "v0=", 1)), good, payment.ErrBadSignature},
		{"not hexadecimal", header(strings.Replace(signature, "v1=", "v1=zz", 1)), good, payment.ErrBadSignature},
		{"rubbish", header("rubbish"), good, payment.ErrBadSignature},
		{"rubbish behind", header(signature + ",rubbish"), good, payment.ErrBadSignature},
		{"not JSON", nil, []byte("Quillon"), payment.ErrBadEvent},
		{"not an event", nil, []byte(`{"object":"v2.core.event"}`), payment.ErrBadEvent},
		{"empty", nil, []byte(`{}`), payment.ErrBadEvent},
		{"of an older API", nil, eventBody("evt_1", "payment_intent.succeeded", "2025-03-31.basil", intentObject(nil)), payment.ErrBadEvent},
		{"of an API without releases", nil, eventBody("evt_1", "payment_intent.succeeded", "2020-08-27", intentObject(nil)), payment.ErrBadEvent},
		{"of a later month of the release", nil, eventBody("evt_1", "customer.created", "2026-08-26.dahlia", nil), nil},
		{"no id", nil, eventBody("", "customer.created", APIVersion, map[string]any{}), payment.ErrBadEvent},
		{"no object", nil, []byte(`{"id":"evt_1","object":"event","created":1,"type":"payment_intent.succeeded","api_version":"` +
			APIVersion + `"}`), payment.ErrBadEvent},
		{"an object of the wrong shape", nil, odd(map[string]any{"amount": "Quillon"}), payment.ErrBadEvent},
		{"ours, in no unit of the currency", nil, odd(map[string]any{"status": "succeeded", "amount": 125001}), payment.ErrBadEvent},
		{"ours, in a currency we do not know", nil, odd(map[string]any{"status": "succeeded", "currency": "xxx"}), payment.ErrBadEvent},
	}
	c := newFake(t).client()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.header == nil {
				tt.header = signed(tt.body, testSecret, now)
			}
			event, err := c.ParseWebhook(tt.header, tt.body, now)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Fatalf("ParseWebhook: %v, want %v", err, tt.want)
			}
			if err != nil && (event != (payment.Event{}) || strings.Contains(err.Error(), "Quillon")) {
				t.Errorf("ParseWebhook = %+v, %v", event, err)
			}
		})
	}
}

// While one secret replaces the other, both are good.
func TestParseWebhook_Rotation(t *testing.T) {
	const next = "whsec_meridian_next_secret"
	body := eventBody("evt_1", "customer.created", APIVersion, map[string]any{})
	both := newFake(t).client(func(c *Config) { c.WebhookSecrets = []string{testSecret, next} })
	for _, secret := range []string{testSecret, next} {
		if _, err := both.ParseWebhook(signed(body, secret, time.Now()), body, time.Now()); err != nil {
			t.Errorf("signed with %s: %v", secret, err)
		}
	}
	after := newFake(t).client(func(c *Config) { c.WebhookSecrets = []string{next} })
	if _, err := after.ParseWebhook(signed(body, testSecret, time.Now()), body, time.Now()); !errors.Is(err, payment.ErrBadSignature) {
		t.Errorf("signed with the old one: %v", err)
	}
}

// FuzzParseWebhook lets Stripe send anything.
func FuzzParseWebhook(f *testing.F) {
	f.Add("payment_intent.succeeded", `{"id":"pi_1","status":"succeeded","amount":1,"currency":"eur","metadata":{"payment_id":"p"}}`)
	f.Add("refund.updated", `{"id":"re_1","status":"failed","amount":1,"currency":"eur","metadata":{"payment_id":"p","refund_id":"r"}}`)
	f.Add("charge.dispute.created", `{"id":"du_1","payment_intent":"pi_1"}`)
	f.Add("charge.dispute.created", `{"payment_intent":{"id":5}}`)
	c := testkit.Must(New(Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}}))(f)
	f.Fuzz(func(t *testing.T, kind, object string) {
		body := []byte(`{"id":"evt_1","object":"event","created":1,"api_version":"` + APIVersion + `","type":` + encode(kind) +
			`,"data":{"object":` + object + `}}`)
		event, err := c.ParseWebhook(signed(body, testSecret, time.Now()), body, time.Now())
		if errors.Is(err, payment.ErrBadSignature) {
			t.Errorf("%q: %v", object, err)
		}
		if err == nil && event.Outcome.Status == payment.StatusSucceeded && event.PaymentID == "" {
			t.Errorf("%q pays for nothing", object)
		}
	})
}
