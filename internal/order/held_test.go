package order_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// holder is a bank that holds money before it takes it, and whose payments are disputed.
type holder struct {
	*bank
	captured []string // payments, by every capture
	refused  error    // of captures
	payments map[string]string
	down     error // for PaymentOf
}

func newHoldingShop(t *testing.T) (*shop, *holder) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	h := &holder{bank: s.bank, payments: map[string]string{}}
	s.Providers["bank"] = h
	return s, h
}

func (h *holder) Capture(_ context.Context, asked payment.Asked, amount money.Amount) (payment.Outcome, error) {
	if h.refused != nil {
		return payment.Outcome{}, h.refused
	}
	h.captured = append(h.captured, asked.PaymentID)
	outcome := payment.Outcome{Status: payment.StatusSucceeded, ProviderRef: asked.ProviderRef, Amount: asked.Amount,
		CapturedMinor: amount.Minor}
	h.set(asked.PaymentID, outcome)
	return outcome, nil
}

func (h *holder) PaymentOf(_ context.Context, ref string) (string, error) {
	id, ok := h.payments[ref]
	if !ok && h.down == nil {
		return "", payment.ErrUnknownPayment
	}
	return id, h.down
}

func held(o order.Order) payment.Outcome {
	return payment.Outcome{Status: payment.StatusAuthorized, ProviderRef: "bank_1", Amount: money.New(o.TotalMinor, o.Currency)}
}

// wantTaken fails the test unless the order is paid with money that was taken once.
func (h *holder) wantTaken(t *testing.T, s *shop, o order.Order) {
	t.Helper()
	s.wantStatus(t, o, order.Paid)
	if diff := cmp.Diff([]string{s.PaymentID(o.Ref)}, h.captured); diff != "" {
		t.Errorf("captures (-want +got):\n%s", diff)
	}
	s.wantSound(t)
}

// Money that is held is taken while the order waits for it: by whoever started the payment, by the notice of it, or by
// a worker.
func TestHeld_IsTaken(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		s, h := newHoldingShop(t)
		o := s.place(t, units("A", 1))
		h.onStart = func(payment.StartInput) (payment.Outcome, error) { return held(o), nil }
		if outcome, err := s.StartPayment(t.Context(), o, ""); err != nil || outcome.Status != payment.StatusSucceeded {
			t.Fatalf("%s, %v", outcome.Status, err)
		}
		h.wantTaken(t, s, o)
	})
	t.Run("by its notice", func(t *testing.T) {
		s, h := newHoldingShop(t)
		o := s.place(t, units("A", 1))
		for range 2 {
			testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(o, "evt_1", payment.EventPaymentAuthorized, held(o))))
		}
		s.wantInbox(t, "evt_1 done")
		h.wantTaken(t, s, o)
	})
	t.Run("by a worker", func(t *testing.T) {
		s, h := newHoldingShop(t)
		o := s.place(t, units("A", 1))
		h.set(s.PaymentID(o.Ref), held(o))
		s.clock.Advance(s.CheckAfter)
		wantPass(t, 1, s.CheckPaymentsOnce)
		h.wantTaken(t, s, o)
	})
}

// That of an order which was closed meanwhile is let go of.
func TestHeld_IsLetGo(t *testing.T) {
	s, h := newHoldingShop(t)
	o := s.place(t, units("A", 1))
	h.set(s.PaymentID(o.Ref), held(o))
	testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
	testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(o, "evt_1", payment.EventPaymentAuthorized, held(o))))
	s.wantInbox(t, "evt_1 done: the order does not wait for it")
	s.clock.Advance(s.CheckAfter)
	wantPass(t, 1, s.CheckPaymentsOnce)
	if h.captured != nil || h.calls["cancel"] != 1 {
		t.Errorf("%d captures, %d cancellations", len(h.captured), h.calls["cancel"])
	}
	s.wantSound(t)
}

// A notice is kept until the provider answers, and dismissed if there is nothing to take.
func TestHeld_Notices(t *testing.T) {
	s, h := newHoldingShop(t)
	o := s.place(t, units("A", 1))
	ghost := o
	ghost.Ref.ID[0] ^= 1
	h.refused = payment.ErrUnavailable
	for id, about := range map[string]order.Order{"evt_1": o, "evt_2": ghost} {
		testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(about, id, payment.EventPaymentAuthorized, held(o))))
	}
	s.wantInbox(t, "evt_1 open", "evt_2 open")
	h.refused = &payment.RejectedError{Code: "not_authorized"}
	databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	if _, err := s.ProcessWebhooksOnce(t.Context()); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("the ghost's: %v", err)
	}
	s.wantInbox(t, "evt_1 done: it is not held any more", "evt_2 open: "+payment.ErrUnknownPayment.Error())
	s.wantStatus(t, o, order.PendingPayment)
}

// The provider's id of a payment is kept from the first notice on.
func TestReceiveWebhook_RequiresAction(t *testing.T) {
	s, _ := newHoldingShop(t)
	o := s.place(t, units("A", 1))
	outcome := payment.Outcome{Status: payment.StatusRequiresAction, ProviderRef: "bank_1", ClientSecret: "secret"}
	testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(o, "evt_1", payment.EventPaymentRequiresAction, outcome)))
	s.wantInbox(t, "evt_1 done")
	if got := s.get(t, o).Payment; got.State != payment.RequiresAction || got.ProviderRef != "bank_1" {
		t.Errorf("the payment is %s, %q", got.State, got.ProviderRef)
	}
}

// A dispute is passed on once, however often it is told, and leaves the order as it is.
func TestReceiveWebhook_Dispute(t *testing.T) {
	s, h := newHoldingShop(t)
	o := s.paid(t, units("A", 1))
	h.payments["bank_1"], h.payments["bank_2"] = s.PaymentID(o.Ref), "a payment of another system"
	dispute := payment.Dispute{ProviderRef: "dp_1", PaymentRef: "bank_1", Reason: "fraudulent", Status: "needs_response",
		Amount: money.New(o.TotalMinor, o.Currency)}
	tell := func(id string, kind payment.EventType, d payment.Dispute) {
		t.Helper()
		if err := s.ReceiveWebhook(t.Context(), "bank", payment.Event{ID: id, Type: kind, Dispute: d, OccurredAt: s.clock.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	h.down = payment.ErrUnavailable
	tell("evt_1", payment.EventDisputeOpened, dispute)
	s.wantInbox(t, "evt_1 open")
	h.down = nil
	databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	wantPass(t, 1, s.ProcessWebhooksOnce)
	tell("evt_1", payment.EventDisputeOpened, dispute)
	won := dispute
	won.Status = "won"
	tell("evt_2", payment.EventDisputeClosed, won)
	for id, ref := range map[string]string{"evt_3": "bank_2", "evt_4": "bank_3"} {
		others := dispute
		others.PaymentRef = ref
		tell(id, payment.EventDisputeOpened, others)
	}
	s.wantInbox(t, "evt_1 done: disputed: left to a person", "evt_2 done: disputed: left to a person",
		"evt_3 done: not one of our payments", "evt_4 done: not one of our payments")
	got := list[string](t, s, `
SELECT topic || ' ' || key || ' ' || (payload->>'dispute_ref') || ' ' || (payload->>'status') || ' ' || (payload->>'amount_minor')
FROM outbox
WHERE topic LIKE 'payment.disp%'
ORDER BY topic DESC`)
	want := []string{
		"payment.disputed " + s.PaymentID(o.Ref) + " dp_1 needs_response " + fmt.Sprint(o.TotalMinor),
		"payment.dispute_closed " + s.PaymentID(o.Ref) + " dp_1 won " + fmt.Sprint(o.TotalMinor),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	s.wantStatus(t, o, order.Paid)
}
