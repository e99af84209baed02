package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/payment/sandbox"
	"meridian/internal/testkit"
)

// notify posts a body to the webhook of the sandbox, signed by secret at a time.
func (s *orderShop) notify(body, secret string, at time.Time) *httptest.ResponseRecorder {
	return ask(s.api["eu-west"], "POST", "/v1/webhooks/sandbox", body, sandbox.SignatureHeader, sandbox.Sign([]byte(body), at, secret))
}

// succeeded is the notice that the order's payment succeeded, with that much captured.
func (s *orderShop) succeeded(eventID string, o orderResponse, captured int64) string {
	return string(marshal(map[string]any{
		"id": eventID, "type": "payment.succeeded", "occurred_at": s.clock.Now(),
		"payment": map[string]any{
			"id": o.Payment.ID, "reference": "sbx_1", "order_id": o.ID, "status": "succeeded",
			"amount":         map[string]any{"minor": o.TotalMinor, "currency": o.Currency},
			"captured_minor": captured,
		},
	}))
}

func TestReceiveWebhook(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_never", oneMug)
	w := s.notify(s.succeeded("evt_1", placed.Order, placed.Order.TotalMinor), sandboxSecret, s.clock.Now())
	if w.Code != http.StatusNoContent {
		t.Fatalf("answered %d\n%s", w.Code, w.Body)
	}
	wantTrips(t, w, 1)
	wantStatus(t, guest.order(placed.Order.ID), order.Paid)
	again := s.notify(s.succeeded("evt_1", placed.Order, placed.Order.TotalMinor), sandboxSecret, s.clock.Now())
	if again.Code != http.StatusNoContent {
		t.Errorf("answered %d", again.Code)
	}
	wantTrips(t, again, 1)
	s.audit()
}

func TestReceiveWebhook_Refused(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_never", oneMug)
	good := s.succeeded("evt_1", placed.Order, placed.Order.TotalMinor)
	now := s.clock.Now()
	wantProblem(t, s.notify(good, "another secret of somebody", now), http.StatusBadRequest, "webhook_signature_invalid")
	wantProblem(t, s.notify(good, sandboxSecret, now.Add(-time.Hour)), http.StatusBadRequest, "webhook_signature_invalid")
	wantProblem(t, ask(s.api["eu-west"], "POST", "/v1/webhooks/sandbox", good), http.StatusBadRequest, "webhook_signature_invalid")
	wantProblem(t, s.notify(`{"id":"evt_2"}`, sandboxSecret, now), http.StatusBadRequest, "webhook_event_invalid")
	wantProblem(t, s.notify(strings.Repeat(" ", maxWebhookBytes+1), sandboxSecret, now), http.StatusRequestEntityTooLarge, "body_too_large")
	wantProblem(t, ask(s.api["eu-west"], "POST", "/v1/webhooks/abacus", good), http.StatusNotFound, "not_found")
	wantStatus(t, guest.order(placed.Order.ID), order.PendingPayment)
	s.audit()
}

// TestReceiveWebhook_WrongAmount keeps a success of another amount for a person to look at.
func TestReceiveWebhook_WrongAmount(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_never", oneMug)
	short := placed.Order
	short.TotalMinor--
	if w := s.notify(s.succeeded("evt_1", short, short.TotalMinor), sandboxSecret, s.clock.Now()); w.Code != http.StatusNoContent {
		t.Fatalf("answered %d\n%s", w.Code, w.Body)
	}
	wantStatus(t, guest.order(placed.Order.ID), order.PendingPayment)
	if got := s.inbox(); got != 1 {
		t.Errorf("%d notices wait in the inbox, want 1", got)
	}
	s.audit()
}

// inbox counts the notices that wait.
func (s *orderShop) inbox() int64 {
	s.t.Helper()
	n, err := database.One(s.t.Context(), s.db, pgx.RowTo[int64], `SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL`)
	testkit.NoError(s.t, err)
	return n
}

// TestReceiveWebhook_BeforeItsOrder acknowledges a notice about a payment that is not there yet; a worker acts on it
// once it is.
func TestReceiveWebhook_BeforeItsOrder(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_never", oneMug)
	unknown := placed.Order
	ref := s.ada.Ref
	unknown.Payment.ID = s.regions.FormatID("pay", ref)
	if w := s.notify(s.succeeded("evt_1", unknown, unknown.TotalMinor), sandboxSecret, s.clock.Now()); w.Code != http.StatusNoContent {
		t.Fatalf("answered %d\n%s", w.Code, w.Body)
	}
	if got := s.inbox(); got != 1 {
		t.Errorf("%d notices wait in the inbox, want 1", got)
	}
	// The order is written elsewhere meanwhile: the notice turns out to be about it.
	testkit.NoError(s.t, s.db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`
UPDATE webhook_inbox SET event = replace(event::text, $1::text, $2::text)::jsonb, next_attempt_at = now()
WHERE region = 'eu-west' AND provider = 'sandbox' AND event_id = 'evt_1'`, unknown.Payment.ID, placed.Order.Payment.ID)
		return nil
	}))
	if n, err := s.orders.ProcessWebhooksOnce(t.Context()); n != 1 || err != nil {
		t.Errorf("the worker took %d notices up: %v", n, err)
	}
	wantStatus(t, guest.order(placed.Order.ID), order.Paid)
	if got := s.inbox(); got != 0 {
		t.Errorf("%d notices wait in the inbox", got)
	}
	s.audit()
}

// TestReceiveWebhook_InboxDown tells the provider to come again when the notice could not be kept.
func TestReceiveWebhook_InboxDown(t *testing.T) {
	s := newOrderShop(t)
	placed, _ := s.place("card_never", oneMug)
	s.orders.DB.Close()
	w := s.notify(s.succeeded("evt_1", placed.Order, placed.Order.TotalMinor), sandboxSecret, s.clock.Now())
	wantProblem(t, w, http.StatusServiceUnavailable, "unavailable")
	if w.Header().Get("Retry-After") == "" {
		t.Error("Retry-After is missing")
	}
}
