package order_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func (s *shop) refund(t testing.TB, in order.RefundInput) order.Order {
	t.Helper()
	return testkit.Must(s.Refund(context.Background(), in))(t)
}

func TestRefund_PartThenAll(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "B", 10)
	o := s.paid(t, units("B", 3)) // 999 and the delivery
	o = s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 1}}})
	if o.Status != order.Paid || o.Payment.RefundedMinor != 333 || s.counters(t, "euw-1", "B") != "10/0/2" {
		t.Errorf("%s, %d refunded, stock %s", o.Status, o.Payment.RefundedMinor, s.counters(t, "euw-1", "B"))
	}
	o = s.refund(t, order.RefundInput{Command: by(o)})
	if o.Status != order.Refunded || o.Payment.RefundedMinor != o.TotalMinor || s.counters(t, "euw-1", "B") != "10/0/0" {
		t.Errorf("%s, %d of %d refunded, stock %s", o.Status, o.Payment.RefundedMinor, o.TotalMinor, s.counters(t, "euw-1", "B"))
	}
	if n := testkit.Must(s.SendRefundsOnce(t.Context()))(t); n != 2 || s.bank.repaid(s.PaymentID(o.Ref)) != o.TotalMinor {
		t.Errorf("%d refunds sent, of %d", n, s.bank.repaid(s.PaymentID(o.Ref)))
	}
	s.wantSound(t)
}

// TestRefund_WholeAmount gives all the money back by its amount: the goods, which nobody
// paid for any more, must not stay allocated.
func TestRefund_WholeAmount(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	o = s.refund(t, order.RefundInput{Command: by(o), AmountMinor: o.TotalMinor})
	if got := s.counters(t, "euw-1", "A"); o.Status != order.Refunded || got != "10/0/0" {
		t.Errorf("%s, stock %s", o.Status, got)
	}
	s.wantSound(t)
}

// TestRefund_AllLinesUnsent gives every unit back before it was sent, and then what was
// paid for a delivery that will not happen.
func TestRefund_AllLinesUnsent(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	if o.ShippingMinor == 0 {
		t.Fatal("the delivery of this order is to cost something")
	}
	o = s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 1}}})
	if o.Payment.RefundedMinor != 1000 {
		t.Errorf("%d refunded for one of two units", o.Payment.RefundedMinor)
	}
	o = s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 1}}})
	if o.Status != order.Refunded || s.counters(t, "euw-1", "A") != "10/0/0" {
		t.Errorf("%s, stock %s", o.Status, s.counters(t, "euw-1", "A"))
	}
	o = s.refund(t, order.RefundInput{Command: by(o)})
	if o.Status != order.Refunded || o.Payment.RefundedMinor != o.TotalMinor {
		t.Errorf("%s, %d of %d refunded", o.Status, o.Payment.RefundedMinor, o.TotalMinor)
	}
	s.wantSound(t)
}

// TestRefund_Restock takes the units of a split order back a few at a time: each goes to
// the warehouse it came from.
func TestRefund_Restock(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 2)
	s.fill(t, "use-1", "A", 2)
	o := s.paid(t, units("A", 4))
	for _, name := range []string{"pack", "ship", "deliver"} {
		testkit.NoError(t, actions[name](t.Context(), s, o))
	}
	for range 2 {
		o = s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 2}}, Restock: true})
	}
	if got := s.counters(t, "euw-1", "A") + " " + s.counters(t, "use-1", "A"); got != "2/0/0 2/0/0" {
		t.Errorf("stock %s, want what was there before", got)
	}
	if o.Status != order.Returned {
		t.Errorf("the order is %s", o.Status)
	}
	s.wantSound(t)
}

func TestRefund_TooLarge(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	tests := []struct {
		name  string
		lines []order.RefundUnits
		minor int64
		field string
		left  int64
	}{
		{name: "an amount", minor: o.TotalMinor + 1, field: "amount_minor", left: o.TotalMinor},
		{name: "units", lines: []order.RefundUnits{{1, 3}}, field: "lines[0].quantity", left: 2},
		{name: "no units", lines: []order.RefundUnits{{1, 0}}, field: "lines[0].quantity", left: 2},
		{name: "fewer than none", lines: []order.RefundUnits{{1, -1}}, field: "lines[0].quantity", left: 2},
		{name: "no such line", lines: []order.RefundUnits{{1, 1}, {2, 1}}, field: "lines[1].quantity", left: 0},
		{name: "a line twice", lines: []order.RefundUnits{{1, 2}, {1, 1}}, field: "lines[1].quantity", left: 0},
		{name: "huge", lines: []order.RefundUnits{{1, 1}, {1, 1<<63 - 1}}, field: "lines[1].quantity", left: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := s.snapshot(t)
			_, err := s.Refund(t.Context(), order.RefundInput{Command: by(o), Lines: test.lines, AmountMinor: test.minor})
			var tooLarge *order.RefundTooLargeError
			if !errors.As(err, &tooLarge) || tooLarge.Field != test.field || tooLarge.Left != test.left {
				t.Errorf("got %v, want %s with %d left", err, test.field, test.left)
			}
			s.wantUnchanged(t, before)
		})
	}
}

// TestRefundConcurrently asks for three times the money at once.
func TestRefundConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 10))
	part := o.TotalMinor / 4
	var promised atomic.Int64
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			_, err := s.Refund(t.Context(), order.RefundInput{Command: by(o), AmountMinor: part})
			switch {
			case err == nil:
				promised.Add(part)
			case is[*order.RefundTooLargeError](err), is[*order.StateError](err), database.Unavailable(err):
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := s.get(t, o)
	if got.Payment.RefundedMinor != promised.Load() || promised.Load() > o.TotalMinor || promised.Load() == 0 {
		t.Errorf("%d promised, %d on the payment of %d", promised.Load(), got.Payment.RefundedMinor, o.TotalMinor)
	}
	s.wantSound(t)
}

func TestRefund_Failed(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	o = s.refund(t, order.RefundInput{Command: by(o), AmountMinor: 500})
	s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
		return payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "account_closed"}, nil
	}
	testkit.Must(s.SendRefundsOnce(t.Context()))(t)
	failed := s.get(t, o)
	if failed.Payment.RefundedMinor != 0 || failed.Refunds[0].State != payment.RefundFailed ||
		failed.Refunds[0].FailureCode != "account_closed" {
		t.Errorf("%d promised still, refunds %+v", failed.Payment.RefundedMinor, failed.Refunds)
	}
	if n := list[int64](t, s, `SELECT count(*) FROM outbox WHERE topic = 'refund.failed'`)[0]; n != 1 {
		t.Errorf("%d events", n)
	}
	// The provider says so again.
	testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", payment.Event{
		ID: "evt_1", Type: payment.EventRefundFailed, PaymentID: s.PaymentID(o.Ref),
		RefundID: s.Regions.FormatID("rfd", failed.Refunds[0].Ref), Refund: payment.RefundOutcome{Status: payment.RefundFailed},
	}))
	if n := list[int64](t, s, `SELECT count(*) FROM outbox WHERE topic = 'refund.failed'`)[0]; n != 1 {
		t.Errorf("%d events of one failure", n)
	}
	s.bank.onRefund = nil
	retry := order.RetryRefundInput{Refund: failed.Refunds[0].Ref, Actor: "usr_euw_test"}
	again := testkit.Must(s.RetryRefund(t.Context(), retry))(t)
	if _, err := s.RetryRefund(t.Context(), retry); !errors.Is(err, order.ErrRefundNotFound) {
		t.Errorf("retried twice: %v", err)
	}
	testkit.Must(s.SendRefundsOnce(t.Context()))(t)
	if got := testkit.Must(s.GetRefund(t.Context(), again.Ref))(t); got.State != payment.RefundSucceeded || got.AmountMinor != 500 {
		t.Errorf("the second try: %+v", got)
	}
	if got := s.get(t, o); got.Payment.RefundedMinor != 500 {
		t.Errorf("%d refunded", got.Payment.RefundedMinor)
	}
	s.wantSound(t)
}

// TestRetryRefund_Elsewhere promises the money of a failed refund to another one first.
func TestRetryRefund_Elsewhere(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	o = s.refund(t, order.RefundInput{Command: by(o), AmountMinor: 500})
	s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
		return payment.RefundOutcome{}, &payment.RejectedError{Status: 400, Code: "no"}
	}
	testkit.Must(s.SendRefundsOnce(t.Context()))(t)
	failed := s.get(t, o).Refunds[0]
	s.refund(t, order.RefundInput{Command: by(o)})
	before := s.snapshot(t)
	_, err := s.RetryRefund(t.Context(), order.RetryRefundInput{Refund: failed.Ref, Actor: "usr_euw_test"})
	if !is[*order.RefundTooLargeError](err) {
		t.Errorf("got %v", err)
	}
	s.wantUnchanged(t, before)
	if found := testkit.Must(s.Attention(t.Context(), s.Regions.Names(), 10))(t); len(found.Refunds) != 0 {
		t.Errorf("nothing is owed any more, and an operator is shown %+v", found.Refunds)
	}
}

// TestRetryRefund_LessLeft tells how much of a failed refund can still be given back.
func TestRetryRefund_LessLeft(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	o = s.refund(t, order.RefundInput{Command: by(o), AmountMinor: 500})
	s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
		return payment.RefundOutcome{}, payment.ErrRefundTooLarge
	}
	testkit.Must(s.SendRefundsOnce(t.Context()))(t)
	s.refund(t, order.RefundInput{Command: by(o), AmountMinor: o.TotalMinor - 100})
	_, err := s.RetryRefund(t.Context(), order.RetryRefundInput{Refund: o.Refunds[0].Ref, Actor: "usr_euw_test"})
	var tooLarge *order.RefundTooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Left != 100 {
		t.Errorf("got %v, want 100 left", err)
	}
	if found := testkit.Must(s.Attention(t.Context(), s.Regions.Names(), 10))(t); len(found.Refunds) != 1 {
		t.Errorf("100 are owed, and an operator is shown %+v", found.Refunds)
	}
}

// TestRefund_FreeLine gives units back that cost nothing: no money moves, the goods do.
func TestRefund_FreeLine(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	databasetest.Exec(t, s.db, `UPDATE price_entries SET amount_minor = 0 WHERE sku = 'A'`)
	o := s.paid(t, units("A", 2)) // the delivery still costs
	o = s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 1}}})
	if got := s.counters(t, "euw-1", "A"); o.Lines[0].RefundedQuantity != 1 || len(o.Refunds) != 0 || got != "10/0/1" {
		t.Errorf("%d units refunded, %d refunds, stock %s", o.Lines[0].RefundedQuantity, len(o.Refunds), got)
	}
	s.wantSound(t)
}
