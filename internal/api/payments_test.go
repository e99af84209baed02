package api

import (
	"testing"
	"time"

	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
)

// TestOrder_Cards is what becomes of an order by the card it is paid with.
func TestOrder_Cards(t *testing.T) {
	for _, test := range []struct {
		card string
		// answered is how checkout answers.
		answered order.Status
		payment  payment.State
		// after is how the order stands once the sandbox has spoken.
		after       order.Status
		history     string
		reason      string
		failureCode string
	}{
		{card: "card_success", answered: order.PendingPayment, payment: payment.Pending, after: order.Paid, history: "pending_payment paid"},
		{card: "card_success_now", answered: order.Paid, payment: payment.Captured, after: order.Paid, history: "pending_payment paid"},
		{card: "card_success_slow:1s", answered: order.PendingPayment, payment: payment.Pending, after: order.Paid,
			history: "pending_payment paid"},
		{card: "card_declined", answered: order.PendingPayment, payment: payment.Pending, after: order.Cancelled,
			history: "pending_payment cancelled", reason: "payment_failed", failureCode: "card_declined"},
		{card: "card_declined_now", answered: order.Cancelled, payment: payment.Failed, after: order.Cancelled,
			history: "pending_payment cancelled", reason: "payment_failed", failureCode: "card_declined"},
		{card: "card_insufficient_funds", answered: order.PendingPayment, payment: payment.Pending, after: order.Cancelled,
			history: "pending_payment cancelled", reason: "payment_failed", failureCode: "insufficient_funds"},
		{card: "card_duplicate:3", answered: order.PendingPayment, payment: payment.Pending, after: order.Paid, history: "pending_payment paid"},
		{card: "card_reordered", answered: order.PendingPayment, payment: payment.Pending, after: order.Paid, history: "pending_payment paid"},
		{card: "card_early", answered: order.PendingPayment, payment: payment.Pending, after: order.Paid, history: "pending_payment paid"},
		{card: "card_error_then_success", answered: order.PendingPayment, payment: payment.Pending, after: order.Paid,
			history: "pending_payment paid"},
	} {
		t.Run(test.card, func(t *testing.T) {
			s := newOrderShop(t)
			placed, guest := s.place(test.card, oneMug)
			wantStatus(t, placed.Order, test.answered)
			if placed.Payment.Status != test.payment || placed.Order.Payment.Status != test.payment {
				t.Errorf("the payment is %s and %s, want %s", placed.Payment.Status, placed.Order.Payment.Status, test.payment)
			}
			s.settle()
			after := guest.order(placed.Order.ID)
			wantStatus(t, after, test.after)
			if got := statuses(after); got != test.history {
				t.Errorf("history %q, want %q", got, test.history)
			}
			if after.CancelReason != test.reason || after.Payment.FailureCode != test.failureCode {
				t.Errorf("cancelled for %q %q, want %q %q", after.CancelReason, after.Payment.FailureCode, test.reason, test.failureCode)
			}
			if test.after == order.Paid {
				s.wantStock("MUG", "euw-1", 10, 0, 1)
				if after.Payment.CapturedMinor != after.TotalMinor {
					t.Errorf("%d was captured of %d", after.Payment.CapturedMinor, after.TotalMinor)
				}
			} else {
				s.wantStock("MUG", "euw-1", 10, 0, 0)
			}
			s.audit()
		})
	}
}

// TestOrder_PaymentTimesOut pays with a card that the provider does not answer about.
func TestOrder_PaymentTimesOut(t *testing.T) {
	s := newOrderShop(t, func(c *order.Config) { c.ProviderTimeout = 100 * time.Millisecond })
	placed, guest := s.place("card_timeout", oneMug)
	wantStatus(t, placed.Order, order.PendingPayment)
	testkit.Eventually(t, "the payment to be decided", func() bool {
		s.settle() // the sandbox goes on once it has noticed that the shop gave up
		return guest.order(placed.Order.ID).Status != order.PendingPayment
	})
	wantStatus(t, guest.order(placed.Order.ID), order.Paid)
	s.audit()
}

// TestOrder_PaymentNeverDecided pays with cards of which nothing is heard in time.
func TestOrder_PaymentNeverDecided(t *testing.T) {
	for _, card := range []string{"card_never", "card_unavailable"} {
		t.Run(card, func(t *testing.T) {
			s := newOrderShop(t)
			placed, guest := s.place(card, oneMug)
			s.wantStock("MUG", "euw-1", 10, 1, 0)
			s.clock.Advance(16 * time.Second)
			if n, err := s.orders.CheckPaymentsOnce(t.Context()); n != 1 || err != nil {
				t.Errorf("the worker asked about %d payments: %v", n, err)
			}
			if n, err := s.orders.ExpireOnce(t.Context()); n != 0 || err != nil {
				t.Errorf("%d orders expired too early: %v", n, err)
			}
			wantStatus(t, guest.order(placed.Order.ID), order.PendingPayment)
			s.clock.Advance(30 * time.Minute)
			if n, err := s.orders.ExpireOnce(t.Context()); n != 1 || err != nil {
				t.Errorf("%d orders expired: %v", n, err)
			}
			if _, err := s.orders.CheckPaymentsOnce(t.Context()); err != nil { // gives up what never reached the provider
				t.Error(err)
			}
			s.settle()
			after := guest.order(placed.Order.ID)
			wantStatus(t, after, order.Cancelled)
			if after.CancelReason != "expired" || after.Payment.Status != payment.Cancelled {
				t.Errorf("cancelled for %q, the payment is %s", after.CancelReason, after.Payment.Status)
			}
			s.wantStock("MUG", "euw-1", 10, 0, 0)
			s.audit()
		})
	}
}

// TestOrder_PaidAfterExpiry gives money back that came when the order was gone.
func TestOrder_PaidAfterExpiry(t *testing.T) {
	s := newOrderShop(t, func(c *order.Config) { c.PayWithin = 5 * time.Minute })
	placed, guest := s.place("card_late:10m", oneMug)
	s.clock.Advance(5 * time.Minute)
	if n, err := s.orders.ExpireOnce(t.Context()); n != 1 || err != nil {
		t.Errorf("%d orders expired: %v", n, err)
	}
	wantStatus(t, guest.order(placed.Order.ID), order.Cancelled)
	s.wantStock("MUG", "euw-1", 10, 0, 0)
	s.clock.Advance(5 * time.Minute)
	s.settle()
	late := guest.order(placed.Order.ID)
	wantStatus(t, late, order.Cancelled)
	if late.Payment.Status != payment.Captured || late.Payment.RefundedMinor != late.TotalMinor || len(late.Refunds) != 1 {
		t.Fatalf("the payment is %+v with refunds %+v", late.Payment, late.Refunds)
	}
	s.sendRefunds()
	if got := guest.order(placed.Order.ID).Refunds[0].Status; got != payment.RefundSucceeded {
		t.Errorf("the refund is %s", got)
	}
	s.wantStock("MUG", "euw-1", 10, 0, 0)
	s.audit()
}

// TestOrder_ExpiryMeetsSuccess expires an order whose success the shop has not heard of.
func TestOrder_ExpiryMeetsSuccess(t *testing.T) {
	s := newOrderShop(t)
	hears := s.webhookURL
	s.webhookURL = "" // notices are lost
	placed, guest := s.place("card_success", oneMug)
	s.settle()
	s.webhookURL = hears
	wantStatus(t, guest.order(placed.Order.ID), order.PendingPayment)
	s.clock.Advance(31 * time.Minute)
	if n, err := s.orders.ExpireOnce(t.Context()); n != 1 || err != nil {
		t.Errorf("%d orders were looked at: %v", n, err)
	}
	wantStatus(t, guest.order(placed.Order.ID), order.Paid)
	s.audit()
}

// TestOrder_WorkerAsks finds out by asking what no webhook told.
func TestOrder_WorkerAsks(t *testing.T) {
	s := newOrderShop(t)
	s.webhookURL = ""
	placed, guest := s.place("card_success", oneMug)
	s.settle()
	s.clock.Advance(15 * time.Second)
	if n, err := s.orders.CheckPaymentsOnce(t.Context()); n != 1 || err != nil {
		t.Errorf("the worker asked about %d payments: %v", n, err)
	}
	wantStatus(t, guest.order(placed.Order.ID), order.Paid)
	s.audit()
}

// TestOrder_RequiresAction pays with a card whose holder has to confirm.
func TestOrder_RequiresAction(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_requires_action", oneMug)
	if placed.Payment.Status != payment.RequiresAction || placed.Payment.ClientSecret == "" {
		t.Fatalf("answered %+v", placed.Payment)
	}
	s.settle()
	wantStatus(t, guest.order(placed.Order.ID), order.PendingPayment)
	s.sandboxCall("/v1/payments/"+placed.Order.Payment.ID+"/confirm", map[string]string{"client_secret": placed.Payment.ClientSecret})
	s.settle()
	wantStatus(t, guest.order(placed.Order.ID), order.Paid)
	s.audit()
}

// TestOrder_RequiresAction_AnswerLost repeats a checkout whose first answer, with what the holder's browser needs, was
// lost: it is there again, and confirms the one payment.
func TestOrder_RequiresAction_AnswerLost(t *testing.T) {
	s := newOrderShop(t)
	filled, guest := s.guest("").fill(oneMug)
	body := checkoutBody(filled.ID, "card_requires_action")
	lost := wantPlaced(t, guest.post("/v1/orders", body, "Idempotency-Key", "k1"))
	again := wantPlaced(t, guest.post("/v1/orders", body, "Idempotency-Key", "k1"))
	if again.Order.ID != lost.Order.ID || again.Payment.ClientSecret != lost.Payment.ClientSecret || again.Payment.ClientSecret == "" {
		t.Fatalf("the repetition is answered %+v, the first call was %+v", again, lost)
	}
	s.sandboxCall("/v1/payments/"+again.Order.Payment.ID+"/confirm", map[string]string{"client_secret": again.Payment.ClientSecret})
	s.settle()
	wantStatus(t, s.guest(again.GuestToken).order(again.Order.ID), order.Paid)
	s.audit()
}
