package stripe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

const (
	testKey    = "sk_test_meridian1234"
	testSecret = "whsec_meridian_test_secret"
)

// The methods that the fake knows. Stripe's test mode has them by these names too, but for the last.
const (
	methodSuccess  = "pm_card_visa"
	methodDeclined = "pm_card_visa_chargeDeclinedInsufficientFunds"
	methodAction   = "pm_card_authenticationRequired"
	methodBank     = "pm_card_bank" // processing for ever
	methodNobody   = "pm_1NoSuchMethod"
)

// fake is Stripe for the tests: stripe-mock, which judges every request and gives every answer its shape, with a memory
// in front of it, for what stripe-mock leaves out: states, idempotency keys, declines, and webhooks.
type fake struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	intents map[string]*intentState
	refunds []*refundState
	keys    map[string]keyState
	hooks   []paymenttest.Webhook
	last    int

	// Set by tests, before what they are about.
	before      func(r *http.Request) bool // false: the request gets lost
	after       func(r *http.Request) bool // false: the answer gets lost
	refundState string                     // of new refunds, default succeeded
	unindexed   bool                       // the search finds nothing
}

type intentState struct {
	id, currency, status, method, capture, reason string
	amount, received, created                     int64
	metadata                                      map[string]string
	failure                                       map[string]any
}

type refundState struct {
	id, intent, currency, status string
	amount, created              int64
	metadata                     map[string]string
}

type keyState struct {
	request, body string
	status        int
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, intents: map[string]*intentState{}, keys: map[string]keyState{}, refundState: "succeeded"}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

// client is one of the fake, patient with nothing.
func (f *fake) client(change ...func(*Config)) *Client {
	f.t.Helper()
	cfg := Config{SecretKey: testKey, WebhookSecrets: []string{testSecret}, BaseURL: f.server.URL, Retries: -1}
	for _, c := range change {
		c(&cfg)
	}
	c := testkit.Must(New(cfg))(f.t)
	return c
}

// ServeHTTP answers a request, if nothing gets lost.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil && !f.before(r) {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	status, answer, replayed := f.keyed(r, body)
	if f.after != nil && !f.after(r) {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Request-Id", "req_test")
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// keyed answers a repeated key as before, and refuses one that is used for something else.
func (f *fake) keyed(r *http.Request, body []byte) (status int, answer string, replayed bool) {
	key, request := r.Header.Get("Idempotency-Key"), r.Method+" "+r.URL.Path+" "+string(body)
	if r.Method == http.MethodPost {
		if seen, ok := f.keys[key]; ok && seen.request == request {
			return seen.status, seen.body, true
		} else if ok {
			return 400, failure(map[string]any{"type": "idempotency_error", "message": "another request"}), false
		}
	}
	status, shape := f.judge(r, body)
	if status != 200 {
		return status, shape, false
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(shape), &object); err != nil {
		f.t.Error(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		f.t.Error(err)
	}
	status, answer = f.act(r, form, object)
	if r.Method == http.MethodPost {
		f.keys[key] = keyState{request: request, status: status, body: answer}
	}
	return status, answer, false
}

// judge lets stripe-mock say whether Stripe would take the request, and what its answer looks like.
func (f *fake) judge(r *http.Request, body []byte) (int, string) {
	out, err := http.NewRequest(r.Method, "http://stripe-mock"+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return 500, ""
	}
	out.Header = r.Header.Clone()
	answer, err := mock.Do(out)
	if err != nil {
		f.t.Error(err)
		return 500, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Error(err)
	}
	return answer.StatusCode, string(text)
}

func failure(e map[string]any) string { return encode(map[string]any{"error": e}) }

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// act does what a request asks for.
func (f *fake) act(r *http.Request, form url.Values, shape map[string]any) (int, string) {
	id, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/payment_intents/"), "/")
	switch {
	case r.URL.Path == "/v1/refunds" && r.Method == http.MethodGet:
		return f.listRefunds(r.URL.Query(), shape)
	case r.URL.Path == "/v1/payment_intents" && r.Method == http.MethodGet:
		return f.listIntents(r.URL.Query(), shape)
	case r.URL.Path == "/v1/refunds":
		return f.refund(form, shape)
	case r.URL.Path == "/v1/payment_intents":
		return f.create(form, shape)
	case id == "search":
		return f.search(r.URL.Query().Get("query"), shape)
	}
	in, ok := f.intents[id]
	if !ok {
		return 404, failure(map[string]any{"type": "invalid_request_error", "code": "resource_missing", "param": "intent"})
	}
	switch verb {
	case "confirm":
		return f.confirm(in, form, shape)
	case "capture":
		return f.capture(in, form, shape)
	case "cancel":
		return f.cancel(in, form, shape)
	}
	return 200, encode(in.object(shape))
}

func (f *fake) id(prefix string) string {
	f.last++
	return fmt.Sprintf("%s_%024d", prefix, f.last)
}

func metadataOf(form url.Values) map[string]string {
	all := map[string]string{}
	for name := range form {
		if key, ok := strings.CutPrefix(name, "metadata["); ok {
			all[strings.TrimSuffix(key, "]")] = form.Get(name)
		}
	}
	return all
}

func number(form url.Values, name string) int64 {
	n, _ := strconv.ParseInt(form.Get(name), 10, 64) // stripe-mock has judged it
	return n
}

func (f *fake) create(form url.Values, shape map[string]any) (int, string) {
	in := &intentState{
		id: f.id("pi"), status: "requires_payment_method", amount: number(form, "amount"), currency: form.Get("currency"),
		metadata: metadataOf(form), created: time.Now().Unix(),
	}
	f.intents[in.id] = in
	return 200, encode(in.object(shape))
}

// object is the intent as Stripe shows it.
func (in *intentState) object(shape map[string]any) map[string]any {
	object := maps.Clone(shape)
	maps.Copy(object, map[string]any{
		"id": in.id, "object": "payment_intent", "created": in.created, "status": in.status, "amount": in.amount, "currency": in.currency,
		"amount_received": in.received, "amount_capturable": 0, "metadata": in.metadata, "client_secret": in.id + "_secret_x",
		"capture_method": in.capture, "last_payment_error": nil, "cancellation_reason": nil, "next_action": nil, "latest_charge": nil,
	})
	if in.failure != nil {
		object["last_payment_error"] = in.failure
	}
	switch in.status {
	case "canceled":
		object["cancellation_reason"] = in.reason
	case "requires_capture":
		object["amount_capturable"] = in.amount
	case "requires_action":
		object["next_action"] = map[string]any{"type": "use_stripe_sdk"}
	}
	return object
}

func (f *fake) unexpected(in *intentState, shape map[string]any) (int, string) {
	return 400, failure(map[string]any{
		"type": "invalid_request_error", "code": "payment_intent_unexpected_state", "payment_intent": in.object(shape),
	})
}

func (f *fake) confirm(in *intentState, form url.Values, shape map[string]any) (int, string) {
	if in.status != "requires_payment_method" {
		return f.unexpected(in, shape)
	}
	in.method, in.capture, in.failure = form.Get("payment_method"), form.Get("capture_method"), nil
	switch in.method {
	case methodSuccess:
		f.authenticate(in, shape)
	case methodAction:
		in.status = "requires_action"
		f.tell("payment_intent.requires_action", in.object(shape))
	case methodBank:
		in.status = "processing"
	case methodDeclined:
		return f.decline(in, shape)
	default:
		return 400, failure(map[string]any{
			"type": "invalid_request_error", "code": "resource_missing", "param": "payment_method",
			"message": "No such PaymentMethod of Quillon Featherstonehaugh",
		})
	}
	return 200, encode(in.object(shape))
}

// authenticate is the shopper's bank saying yes.
func (f *fake) authenticate(in *intentState, shape map[string]any) {
	if in.capture == "manual" {
		in.status = "requires_capture"
		f.tell("payment_intent.amount_capturable_updated", in.object(shape))
		return
	}
	in.status, in.received = "succeeded", in.amount
	f.tell("payment_intent.succeeded", in.object(shape))
}

func (f *fake) decline(in *intentState, shape map[string]any) (int, string) {
	in.status = "requires_payment_method"
	in.failure = map[string]any{
		"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
		"payment_method": map[string]any{"id": in.method, "billing_details": map[string]any{"name": "Quillon Featherstonehaugh"}},
	}
	f.tell("payment_intent.payment_failed", in.object(shape))
	said := maps.Clone(in.failure)
	said["payment_intent"] = in.object(shape)
	return 402, failure(said)
}

func (f *fake) capture(in *intentState, form url.Values, shape map[string]any) (int, string) {
	if in.status != "requires_capture" {
		return f.unexpected(in, shape)
	}
	in.status, in.received = "succeeded", number(form, "amount_to_capture")
	f.tell("payment_intent.succeeded", in.object(shape))
	return 200, encode(in.object(shape))
}

func (f *fake) cancel(in *intentState, form url.Values, shape map[string]any) (int, string) {
	if slices.Contains([]string{"succeeded", "canceled", "processing"}, in.status) {
		return f.unexpected(in, shape)
	}
	in.status, in.reason, in.failure = "canceled", form.Get("cancellation_reason"), nil
	f.tell("payment_intent.canceled", in.object(shape))
	return 200, encode(in.object(shape))
}

func (f *fake) search(query string, shape map[string]any) (int, string) {
	id := strings.TrimSuffix(strings.TrimPrefix(query, "metadata['payment_id']:'"), "'")
	example := shape["data"].([]any)[0].(map[string]any)
	found := []any{}
	for _, in := range f.intents {
		if in.metadata["payment_id"] == id && !f.unindexed {
			found = append(found, in.object(example))
		}
	}
	shape["data"] = found
	return 200, encode(shape)
}

func (f *fake) refund(form url.Values, shape map[string]any) (int, string) {
	in, amount := f.intents[form.Get("payment_intent")], number(form, "amount")
	left := in.received
	for _, r := range f.refunds {
		if r.intent == in.id && r.status != "failed" {
			left -= r.amount
		}
	}
	if left == 0 {
		return 400, failure(map[string]any{"type": "invalid_request_error", "code": "charge_already_refunded"})
	}
	if amount > left {
		return 400, failure(map[string]any{"type": "invalid_request_error", "param": "amount"})
	}
	r := f.makeRefund(in, amount, metadataOf(form))
	f.tell("refund.created", r.object(shape))
	f.tell("charge.refunded", map[string]any{"id": "ch_1", "object": "charge", "metadata": in.metadata})
	return 200, encode(r.object(shape))
}

func (f *fake) makeRefund(in *intentState, amount int64, metadata map[string]string) *refundState {
	r := &refundState{
		id: f.id("re"), intent: in.id, currency: in.currency, status: f.refundState, amount: amount, metadata: metadata,
		created: time.Now().Unix(),
	}
	f.refunds = append(f.refunds, r)
	return r
}

// refundInDashboard is what a person does in Stripe's dashboard: nobody says whose refund it is.
func (f *fake) refundInDashboard(paymentID string, amount int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, in := range f.intents {
		if in.metadata["payment_id"] == paymentID {
			r := f.makeRefund(in, amount, map[string]string{})
			f.tell("refund.created", r.object(map[string]any{}))
			return
		}
	}
	f.t.Errorf("no intent is of %s", paymentID)
}

func (r *refundState) object(shape map[string]any) map[string]any {
	object := maps.Clone(shape)
	maps.Copy(object, map[string]any{
		"id": r.id, "object": "refund", "created": r.created, "payment_intent": r.intent, "currency": r.currency, "status": r.status,
		"amount": r.amount, "metadata": r.metadata,
	})
	if r.status == "failed" {
		object["failure_reason"] = "expired_or_canceled_card"
	}
	return object
}

func (f *fake) listRefunds(query url.Values, shape map[string]any) (int, string) {
	example := shape["data"].([]any)[0].(map[string]any)
	var all []map[string]any
	for _, r := range slices.Backward(f.refunds) {
		if intent := query.Get("payment_intent"); intent != "" && r.intent != intent || !createdWithin(query, r.created) {
			continue
		}
		object := r.object(example)
		if slices.Contains(query["expand[0]"], "data.payment_intent") {
			in := f.intents[r.intent]
			object["payment_intent"] = map[string]any{"id": in.id, "object": "payment_intent", "metadata": in.metadata}
		}
		all = append(all, object)
	}
	return listed(query, shape, all)
}

func (f *fake) listIntents(query url.Values, shape map[string]any) (int, string) {
	example := shape["data"].([]any)[0].(map[string]any)
	var all []map[string]any
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(f.intents))) { // in the order in which they were made
		if in := f.intents[id]; createdWithin(query, in.created) {
			all = append(all, in.object(example))
		}
	}
	return listed(query, shape, all)
}

func createdWithin(query url.Values, at int64) bool {
	lt := query.Get("created[lt]")
	return at >= number(query, "created[gte]") && (lt == "" || at < number(query, "created[lt]"))
}

// listed is the page of a list that a query asks for.
func listed(query url.Values, shape map[string]any, all []map[string]any) (int, string) {
	if after := query.Get("starting_after"); after != "" {
		all = all[slices.IndexFunc(all, func(o map[string]any) bool { return o["id"] == after })+1:]
	}
	limit := int(number(query, "limit"))
	if limit == 0 {
		limit = 10
	}
	n := min(limit, len(all))
	shape["data"], shape["has_more"] = append([]map[string]any{}, all[:n]...), n < len(all)
	return 200, encode(shape)
}

// tell sends an event, signed as Stripe signs.
func (f *fake) tell(kind string, object map[string]any) {
	body := eventBody(f.id("evt"), kind, APIVersion, object)
	f.hooks = append(f.hooks, paymenttest.Webhook{Header: signed(body, testSecret, time.Now()), Body: body})
}

func eventBody(id, kind, version string, object map[string]any) []byte {
	return []byte(encode(map[string]any{
		"id": id, "object": "event", "api_version": version, "created": time.Now().Unix(), "type": kind, "livemode": false,
		"data": map[string]any{"object": object},
	}))
}

func signed(body []byte, secret string, at time.Time) http.Header {
	payload := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret, Timestamp: at})
	return http.Header{"Stripe-Signature": {payload.Header}}
}

// intent is the only one there is.
func (f *fake) intent() intentState {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.intents) != 1 {
		f.t.Fatalf("%d payment intents, want 1", len(f.intents))
	}
	for _, in := range f.intents {
		return *in
	}
	panic("unreachable")
}

// refundsMade is how many refunds there are.
func (f *fake) refundsMade() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.refunds)
}

// change lets the test be Stripe, the bank or the shopper.
func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// input is a payment that is being placed now.
func input(method string) payment.StartInput { return paymenttest.Input("EUR", method) }
