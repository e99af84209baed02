package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

func wantEqual[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// call sends a request with the API key, and the idempotency key if there is one.
func (w *world) call(t *testing.T, method, path, key, body string, header ...string) (status int, answer string) {
	t.Helper()
	r := testkit.Must(http.NewRequestWithContext(t.Context(), method, w.api.URL+path, strings.NewReader(body)))(t)
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Idempotency-Key", key)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response := testkit.Must(w.api.Client().Do(r))(t)
	defer response.Body.Close()
	text := testkit.Must(io.ReadAll(response.Body))(t)
	return response.StatusCode, string(text)
}

// codeOf is the code of an error's body, and "" for anything else.
func codeOf(answer string) string {
	var body errorJSON
	_ = json.Unmarshal([]byte(answer), &body)
	return body.Error.Code
}

// Every route of the shop's wants the key; it is compared whole.
func TestAPI_Authorisation(t *testing.T) {
	w := newWorld(t)
	in, _ := w.start(t, "card_never")
	routes := []struct{ method, path string }{
		{"POST", "/v1/payments"},
		{"GET", "/v1/payments/" + in.PaymentID},
		{"GET", "/v1/payments"},
		{"POST", "/v1/payments/" + in.PaymentID + "/cancel"},
		{"POST", "/v1/payments/" + in.PaymentID + "/refunds"},
		{"GET", "/v1/refunds"},
		{"POST", "/v1/refunds"},
		{"GET", "/v1/refunds/rfd_euw_1"},
	}
	keys := []string{"", "Bearer ", "Bearer " + testKey[1:], "Bearer " + testKey + "x", "Basic " + testKey, testKey}
	for _, route := range routes {
		for _, key := range keys {
			status, answer := w.call(t, route.method, route.path, "", "{}", "Authorization", key)
			if status != http.StatusUnauthorized || codeOf(answer) != codeUnauthorized {
				t.Errorf("%s %s with %q: %d %s", route.method, route.path, key, status, answer)
			}
		}
	}
	w.wantStatus(t, in.PaymentID, payment.StatusProcessing)
}

func TestAPI_BadRequests(t *testing.T) {
	const line = `{"sku":"a","title":"A","quantity":1,"total":{"minor":10,"currency":"EUR"}}`
	start := func(change ...string) string {
		body := `{"id":"p1","order_id":"o1","method":"card_success","amount":{"minor":10,"currency":"EUR"},"lines":[` + line + `]}`
		return strings.NewReplacer(change...).Replace(body)
	}
	refund := func(change ...string) string {
		body := `{"id":"r1","payment_id":"paid","amount":{"minor":10,"currency":"EUR"}}`
		return strings.NewReplacer(change...).Replace(body)
	}
	tests := []struct {
		name, path, key, body string
		status                int
		code                  string
	}{
		{"no body", "/v1/payments", "p1", "", 400, codeBadRequest},
		{"not JSON", "/v1/payments", "p1", "{", 400, codeBadRequest},
		{"two objects", "/v1/payments", "p1", start() + "{}", 400, codeBadRequest},
		{"unknown field", "/v1/payments", "p1", start(`"id"`, `"tip":1,"id"`), 400, codeBadRequest},
		{"wrong type", "/v1/payments", "p1", start(`"minor":10`, `"minor":"10"`), 400, codeBadRequest},
		{"fraction", "/v1/payments", "p1", start(`"minor":10`, `"minor":10.5`), 400, codeBadRequest},
		{"huge number", "/v1/payments", "p1", start(`"minor":10`, `"minor":9223372036854775808`), 400, codeBadRequest},
		{"huge body", "/v1/payments", "p1", start(`"A"`, `"`+strings.Repeat("A", maxRequestBytes)+`"`), 413, codeBadRequest},
		{"no key", "/v1/payments", "", start(), 400, codeBadRequest},
		{"another key", "/v1/payments", "p2", start(), 400, codeBadRequest},
		{"no id", "/v1/payments", "", start(`"p1"`, `""`), 400, codeBadRequest},
		{"long id", "/v1/payments", strings.Repeat("p", 256), start("p1", strings.Repeat("p", 256)), 400, codeBadRequest},
		{"no order", "/v1/payments", "p1", start(`"o1"`, `""`), 400, codeBadRequest},
		{"unknown card", "/v1/payments", "p1", start("card_success", "4242424242424242"), 400, codeBadRequest},
		{"unknown currency", "/v1/payments", "p1", start("EUR", "EUX"), 400, codeBadRequest},
		{"nothing to pay", "/v1/payments", "p1", start(`"minor":10`, `"minor":0`), 400, codeBadRequest},
		{"below zero", "/v1/payments", "p1", start(`"minor":10`, `"minor":-10`), 400, codeBadRequest},
		{"no lines", "/v1/payments", "p1", start(line, ""), 400, codeBadRequest},
		{"lines sum to more", "/v1/payments", "p1", start(line, line+","+line), 400, codeBadRequest},
		{"lines in another currency", "/v1/payments", "p1", start(line, strings.Replace(line, "EUR", "GBP", 1)), 400, codeBadRequest},
		{"lines overflow", "/v1/payments", "p1", start(line, strings.Replace(line, "10", "9223372036854775807", 1)+","+line), 400,
			codeBadRequest},
		{"quantity of none", "/v1/payments", "p1", start(`"quantity":1`, `"quantity":0`), 400, codeBadRequest},
		{"too many lines", "/v1/payments", "p1", start(line, strings.TrimSuffix(strings.Repeat(line+",", payment.MaxLines+1), ","),
			`"minor":10`, fmt.Sprintf(`"minor":%d`, 10*(payment.MaxLines+1))), 400, codeBadRequest},
		{"refund with another key", "/v1/refunds", "r2", refund(), 400, codeBadRequest},
		{"refund of nothing", "/v1/refunds", "r1", refund("10", "0"), 400, codeBadRequest},
		{"refund below zero", "/v1/refunds", "r1", refund("10", "-10"), 400, codeBadRequest},
		{"refund in another currency", "/v1/refunds", "r1", refund("EUR", "GBP"), 400, codeBadRequest},
		{"refund of no payment", "/v1/refunds", "r1", refund("paid", "unpaid"), 404, codeUnknownPayment},
		{"refund of too much", "/v1/refunds", "r1", refund("10", "1251"), 422, codeRefundTooLarge},
		{"no such route", "/v1/payment", "p1", start(), 404, "no_such_route"},
	}
	w := newWorld(t)
	paid := newStartJSON(paymenttest.Input("EUR", "card_success_now"))
	paid.ID = "paid"
	body := testkit.Must(json.Marshal(paid))(t)
	if status, answer := w.call(t, "POST", "/v1/payments", "paid", string(body)); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := w.call(t, "POST", tt.path, tt.key, tt.body)
			if status != tt.status || codeOf(answer) != tt.code {
				t.Errorf("%d %s, want %d %s", status, answer, tt.status, tt.code)
			}
		})
	}
	if n := len(w.memory.payments); n != 1 {
		t.Errorf("%d payments, want only the one that was paid", n)
	}
	if n := len(w.memory.payments["paid"].Refunds); n != 0 {
		t.Errorf("%d refunds", n)
	}
	if status, answer := w.call(t, "POST", "/v1/payments", "p1", start()); status != http.StatusCreated {
		t.Errorf("the body that the tests change is refused itself: %d %s", status, answer)
	}
}

func TestAPI_GetRefund(t *testing.T) {
	w := newWorld(t)
	in, _ := w.start(t, "card_success_now")
	refund := payment.RefundInput{RefundID: "rfd_euw_1", PaymentID: in.PaymentID, Amount: in.Amount}
	outcome := testkit.Must(w.client.Refund(t.Context(), refund))(t)
	status, answer := w.call(t, "GET", "/v1/refunds/rfd_euw_1", "", "")
	var got refundJSON
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	found := testkit.Must(got.outcome())(t)
	wantEqual(t, outcome, found)
	if status, answer := w.call(t, "GET", "/v1/refunds/rfd_euw_2", "", ""); status != 404 || codeOf(answer) != codeUnknownRefund {
		t.Errorf("a refund that does not exist: %d %s", status, answer)
	}
}

// The client secret is the shopper's: no notice carries it.
func TestAPI_SecretStaysOutOfWebhooks(t *testing.T) {
	w := newWorld(t)
	in, outcome := w.start(t, "card_requires_action")
	if outcome.ClientSecret == "" {
		t.Fatal("there is no client secret")
	}
	testkit.Must(w.client.Cancel(t.Context(), in.Asked()))(t)
	w.settle(t)
	for _, hook := range w.inbox.all() {
		if strings.Contains(string(hook.Body), outcome.ClientSecret) {
			t.Errorf("webhook has the client secret: %s", hook.Body)
		}
	}
	w.wantTypes(t, payment.EventPaymentCancelled)
}

// The page and the list show the whole table, to anybody.
func TestAPI_Cards(t *testing.T) {
	w := newWorld(t)
	status, page := w.call(t, "GET", "/", "", "", "Authorization", "")
	if status != http.StatusOK {
		t.Fatalf("page: %d", status)
	}
	status, answer := w.call(t, "GET", "/v1/cards", "", "", "Authorization", "")
	var list struct{ Cards []Card }
	if err := json.Unmarshal([]byte(answer), &list); err != nil || status != http.StatusOK {
		t.Fatalf("list: %d %s", status, answer)
	}
	wantEqual(t, Cards(), list.Cards)
	for _, c := range Cards() {
		if name, _, _ := strings.Cut(c.Token, ":"); !strings.Contains(page, name) {
			t.Errorf("%s is not on the page", name)
		}
	}
}
