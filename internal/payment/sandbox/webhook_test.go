package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
)

// signedAt is the time of the webhooks in these tests.
var signedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const succeededBody = `{"id":"evt_1","type":"payment.succeeded","occurred_at":"2026-03-01T12:00:00Z","payment":` +
	`{"id":"pay_euw_1","reference":"sbx_1","status":"succeeded","amount":{"minor":1250,"currency":"EUR"},"captured_minor":1250}}`

func TestParseWebhook_Signature(t *testing.T) {
	body := []byte(succeededBody)
	good := Sign(body, signedAt, testSecret)
	seconds, signature, _ := strings.Cut(good, ",")
	tests := []struct {
		name   string
		header []string
		after  time.Duration // that it is read
		ok     bool
	}{
		{"good", []string{good}, 0, true},
		{"two secrets, ours first", []string{Sign(body, signedAt, testSecret, "another secret")}, 0, true},
		{"two secrets, ours last", []string{Sign(body, signedAt, "another secret", testSecret)}, 0, true},
		{"unknown schemes beside it", []string{"v0=00," + good + ",v2=ff,x"}, 0, true},
		{"signature before time", []string{signature + "," + seconds}, 0, true},
		{"a v1 that is not hex beside it", []string{good + ",v1=zz"}, 0, true},
		{"oldest that is taken", []string{good}, payment.SignatureTolerance, true},
		{"newest that is taken", []string{good}, -payment.SignatureTolerance, true},
		{"too old", []string{good}, payment.SignatureTolerance + time.Second, false},
		{"too new", []string{good}, -payment.SignatureTolerance - time.Second, false},
		{"no header", nil, 0, false},
		{"two headers", []string{good, good}, 0, false},
		{"empty", []string{""}, 0, false},
		{"no time", []string{signature}, 0, false},
		{"two times", []string{seconds + "," + good}, 0, false},
		{"another time", []string{"t=1772366401," + signature}, 0, false},
		{"no signature", []string{seconds}, 0, false},
		{"v0 only", []string{strings.Replace(good, "v1=", "v0=", 1)}, 0, false},
		{"another secret", []string{Sign(body, signedAt, "another secret")}, 0, false},
		{"another body", []string{Sign([]byte("{}"), signedAt, testSecret)}, 0, false},
		{"half a signature", []string{good[:len(good)-32]}, 0, false},
		{"longer signature", []string{good + "00"}, 0, false},
		{"too many signatures", []string{good + strings.Repeat(","+signature, maxSignatures)}, 0, false},
		{"too long", []string{good + "," + strings.Repeat("x", maxSignatureBytes)}, 0, false},
		{"time that is no number, well signed", []string{"t=now,v1=" + hexMAC("now", body)}, 0, false},
		{"time out of range, well signed", []string{"t=9223372036854775807,v1=" + hexMAC("9223372036854775807", body)}, 0, false},
	}
	c := newTestClient(t, "http://sandbox.example")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{SignatureHeader: tt.header}
			event, err := c.ParseWebhook(header, body, signedAt.Add(tt.after))
			if tt.ok && (err != nil || event.ID != "evt_1") {
				t.Errorf("ParseWebhook = %+v, %v", event, err)
			}
			if !tt.ok && !errors.Is(err, payment.ErrBadSignature) {
				t.Errorf("error %v, want ErrBadSignature", err)
			}
		})
	}
}

// hexMAC signs a time that Sign would not write.
func hexMAC(t string, body []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, b := range mac(testSecret, t, body) {
		out.WriteByte(digits[b>>4])
		out.WriteByte(digits[b&15])
	}
	return out.String()
}

func TestParseWebhook(t *testing.T) {
	amount := money.Amount{Minor: 1250, Currency: "EUR"}
	refund := func(kind, status string) string {
		return `{"id":"evt_2","type":"` + kind + `","occurred_at":"2026-03-01T12:00:00Z","payment":{"id":"pay_euw_1"},` +
			`"refund":{"id":"rfd_euw_1","payment_id":"pay_euw_1","reference":"sbxr_1","status":"` + status +
			`","amount":{"minor":1250,"currency":"EUR"}}}`
	}
	tests := []struct {
		name, body string
		want       payment.Event // its zero value for ErrBadEvent
	}{
		{"success", succeededBody, payment.Event{
			ID: "evt_1", Type: payment.EventPaymentSucceeded, PaymentID: "pay_euw_1", OccurredAt: signedAt,
			Outcome: payment.Outcome{Status: payment.StatusSucceeded, ProviderRef: "sbx_1", Amount: amount, CapturedMinor: 1250},
		}},
		{"refund", refund("refund.succeeded", "succeeded"), payment.Event{
			ID: "evt_2", Type: payment.EventRefundSucceeded, PaymentID: "pay_euw_1", RefundID: "rfd_euw_1", OccurredAt: signedAt,
			Refund: payment.RefundOutcome{Status: payment.RefundSucceeded, ProviderRef: "sbxr_1", Amount: amount},
		}},
		{"of a newer sandbox", `{"id":"evt_3","type":"dispute.opened","occurred_at":"2026-03-01T12:00:00Z","dispute":{}}`,
			payment.Event{ID: "evt_3", Type: payment.EventOther, OccurredAt: signedAt}},
		{"not JSON", `{`, payment.Event{}},
		{"empty", ``, payment.Event{}},
		{"null", `null`, payment.Event{}},
		{"a list", `[]`, payment.Event{}},
		{"no id", strings.Replace(succeededBody, "evt_1", "", 1), payment.Event{}},
		{"long id", strings.Replace(succeededBody, "evt_1", strings.Repeat("e", 256), 1), payment.Event{}},
		{"no time", strings.Replace(succeededBody, "occurred_at", "x", 1), payment.Event{}},
		{"no payment", strings.Replace(succeededBody, `"payment":`, `"x":`, 1), payment.Event{}},
		{"payment without id", strings.Replace(succeededBody, "pay_euw_1", "", 1), payment.Event{}},
		{"unknown status", strings.Replace(succeededBody, `"status":"succeeded"`, `"status":"great"`, 1), payment.Event{}},
		{"type and status disagree", strings.Replace(succeededBody, "payment.succeeded", "payment.failed", 1), payment.Event{}},
		{"unknown currency", strings.Replace(succeededBody, "EUR", "EUX", 1), payment.Event{}},
		{"more captured than asked for", strings.Replace(succeededBody, `"captured_minor":1250`, `"captured_minor":1251`, 1), payment.Event{}},
		{"nothing captured", strings.Replace(succeededBody, `"captured_minor":1250`, `"captured_minor":0`, 1), payment.Event{}},
		{"amount is no integer", strings.Replace(succeededBody, `"minor":1250`, `"minor":12.5`, 1), payment.Event{}},
		{"refund type and status disagree", refund("refund.failed", "succeeded"), payment.Event{}},
		{"no refund", strings.Replace(refund("refund.failed", "failed"), `"refund":`, `"x":`, 1), payment.Event{}},
	}
	c := newTestClient(t, "http://sandbox.example")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{SignatureHeader: {Sign([]byte(tt.body), signedAt, testSecret)}}
			got, err := c.ParseWebhook(header, []byte(tt.body), signedAt)
			if bad := tt.want == (payment.Event{}); errors.Is(err, payment.ErrBadEvent) != bad || !bad && err != nil {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever comes, nothing is read that was not signed, nothing panics, and what is read makes sense.
func FuzzParseWebhook(f *testing.F) {
	f.Add(Sign([]byte(succeededBody), signedAt, testSecret), []byte(succeededBody), false)
	f.Add("t=1,v1=00", []byte(`{"type":"refund.failed","refund":{}}`), true)
	f.Add("v1=,t=,t==,,", []byte("null"), true)
	c := testkit.Must(NewClient(ClientConfig{BaseURL: "http://sandbox.example", APIKey: testKey, WebhookSecret: testSecret}))(f)
	_, genuine, _ := strings.Cut(Sign([]byte(succeededBody), signedAt, testSecret), ",")
	f.Fuzz(func(t *testing.T, signature string, body []byte, sign bool) {
		if sign {
			signature = Sign(body, signedAt, testSecret)
		}
		event, err := c.ParseWebhook(http.Header{SignatureHeader: {signature}}, body, signedAt)
		if err != nil {
			if !errors.Is(err, payment.ErrBadSignature) && !errors.Is(err, payment.ErrBadEvent) || event != (payment.Event{}) {
				t.Fatalf("ParseWebhook = %+v, %v", event, err)
			}
			return
		}
		if !sign && (!strings.Contains(strings.ToLower(signature), genuine) || string(body) != succeededBody) {
			t.Fatalf("a body that was not signed was read: %q %q", signature, body)
		}
		if !json.Valid(body) || event.ID == "" || event.Type != payment.EventOther && event.PaymentID == "" {
			t.Fatalf("event makes no sense: %+v", event)
		}
	})
}
