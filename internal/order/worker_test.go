package order_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// wantPass runs a worker's pass and compares what it took up.
func wantPass(t testing.TB, want int, pass func(ctx context.Context) (int, error)) {
	t.Helper()
	n, err := pass(t.Context())
	if err != nil || n != want {
		t.Errorf("the pass took up %d, %v; want %d", n, err, want)
	}
}

// takeOver is the pass over what a region left lying.
func (s *shop) takeOver(region string) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) { return s.TakeOverOnce(ctx, region) }
}

// TestCheckPayments_NeverStarted is the crash between the order and the call to the provider.
func TestCheckPayments_NeverStarted(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	wantPass(t, 0, s.CheckPaymentsOnce) // it is not time yet
	s.clock.Advance(15 * time.Second)
	s.bank.onStart = func(payment.StartInput) (payment.Outcome, error) { return success(o), nil }
	wantPass(t, 1, s.CheckPaymentsOnce)
	s.wantStatus(t, o, order.Paid)
	if in := s.bank.started[s.PaymentID(o.Ref)]; in.Amount.Minor != o.TotalMinor || len(in.Lines) < 1 {
		t.Errorf("started as %+v", in)
	}
	s.clock.Advance(time.Hour)
	wantPass(t, 0, s.CheckPaymentsOnce)
	s.wantSound(t)
}

// TestCheckPayments_Unheard finds outcomes whose webhook never came.
func TestCheckPayments_Unheard(t *testing.T) {
	tests := []struct {
		name    string
		outcome func(o order.Order) payment.Outcome
		want    order.Status
	}{
		{"success", success, order.Paid},
		{"failure", func(order.Order) payment.Outcome { return failure() }, order.Cancelled},
		{"processing", func(order.Order) payment.Outcome { return payment.Outcome{Status: payment.StatusProcessing} }, order.PendingPayment},
		{"requires action", func(order.Order) payment.Outcome { return payment.Outcome{Status: payment.StatusRequiresAction} },
			order.PendingPayment},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			s.fill(t, "euw-1", "A", 5)
			o := s.place(t, units("A", 1))
			testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
			s.bank.set(s.PaymentID(o.Ref), test.outcome(o))
			s.clock.Advance(15 * time.Second)
			wantPass(t, 1, s.CheckPaymentsOnce)
			s.wantStatus(t, o, test.want)
			s.wantSound(t)
		})
	}
}

// TestCheckPayments_Down: the provider does not answer; the payment comes up again, later
// each time, and the others of the pass are not held up.
func TestCheckPayments_Down(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	s.clock.Advance(15 * time.Second)
	s.bank.onFind = payment.ErrUnavailable
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
		if n, err := s.CheckPaymentsOnce(t.Context()); n != 1 || !errors.Is(err, payment.ErrUnavailable) {
			t.Fatalf("%d, %v", n, err)
		}
		s.clock.Advance(wait - time.Second)
		wantPass(t, 0, s.CheckPaymentsOnce)
		s.clock.Advance(time.Second)
	}
	s.bank.onFind = nil
	s.bank.set(s.PaymentID(o.Ref), success(o))
	wantPass(t, 1, s.CheckPaymentsOnce)
	s.wantStatus(t, o, order.Paid)
}

// TestCheckPayments_DeadRegion: an order of a region that is down is seen to by another.
func TestCheckPayments_DeadRegion(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	elsewhere := s.in(t, "us-west")
	s.bank.set(s.PaymentID(o.Ref), success(o))
	s.clock.Advance(time.Minute)
	wantPass(t, 0, elsewhere.takeOver("eu-west"))
	s.clock.Advance(15 * time.Second)
	wantPass(t, 0, elsewhere.CheckPaymentsOnce)
	wantPass(t, 0, elsewhere.takeOver("us-east"))
	wantPass(t, 1, elsewhere.takeOver("eu-west"))
	s.wantStatus(t, o, order.Paid)

	o = s.place(t, units("A", 1))
	databasetest.Exec(t, s.db, `UPDATE payments SET next_check_at = next_check_at + INTERVAL '1 day'`)
	s.clock.Advance(10*time.Minute + 59*time.Second)
	wantPass(t, 0, elsewhere.takeOver("eu-west"))
	s.clock.Advance(time.Second)
	wantPass(t, 1, elsewhere.takeOver("eu-west"))
	s.wantStatus(t, o, order.Cancelled)
	s.wantSound(t)
}

// TestCancel_TellsProvider: the payment of an order that its customer gave up is given up, too.
func TestCancel_TellsProvider(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
	testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
	s.clock.Advance(time.Second)
	wantPass(t, 1, s.CheckPaymentsOnce)
	if got := s.get(t, o); got.Payment.State != payment.Cancelled || s.bank.calls["cancel"] != 1 {
		t.Errorf("payment is %s after %d calls", got.Payment.State, s.bank.calls["cancel"])
	}
	s.wantSound(t)
}

// TestCancel_PaidMeanwhile: when the provider is told, it has the money already.
func TestCancel_PaidMeanwhile(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
	s.bank.set(s.PaymentID(o.Ref), success(o))
	testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
	s.clock.Advance(time.Second)
	wantPass(t, 1, s.CheckPaymentsOnce)
	wantPass(t, 1, s.SendRefundsOnce)
	if got := s.bank.repaid(s.PaymentID(o.Ref)); got != o.TotalMinor {
		t.Errorf("%d given back of %d", got, o.TotalMinor)
	}
	wantPass(t, 0, s.SendRefundsOnce)
	s.wantSound(t)
}

// TestCancel_StartOnItsWay: the provider does not know the payment of an order that was just
// given up, for the call that asks for the money has not reached it yet.
func TestCancel_StartOnItsWay(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		s := newShop(t)
		s.fill(t, "euw-1", "A", 5)
		o := s.place(t, units("A", 1))
		testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
		s.clock.Advance(time.Second)
		wantPass(t, 1, s.CheckPaymentsOnce)
		if got := s.get(t, o); got.Payment.State != payment.Pending {
			t.Errorf("payment is %s while its call may be on its way", got.Payment.State)
		}
		want, repaid := payment.Cancelled, int64(0)
		if arrives {
			want, repaid = payment.Captured, o.TotalMinor
			s.bank.set(s.PaymentID(o.Ref), success(o))
		}
		s.clock.Advance(2 * time.Minute)
		wantPass(t, 1, s.CheckPaymentsOnce)
		testkit.Must(s.SendRefundsOnce(t.Context()))(t)
		if got := s.get(t, o); got.Payment.State != want || s.bank.repaid(s.PaymentID(o.Ref)) != repaid {
			t.Errorf("payment is %s, %d given back; want %s, %d", got.Payment.State, s.bank.repaid(s.PaymentID(o.Ref)), want, repaid)
		}
		s.wantSound(t)
	}
}

// TestCheckPayments_ClosedMeanwhile: no money is asked for once the order is given up.
func TestCheckPayments_ClosedMeanwhile(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	s.clock.Advance(15 * time.Second)
	s.bank.asked = func(ctx context.Context) {
		if _, err := s.Cancel(ctx, order.CancelInput{Command: by(o)}); err != nil {
			t.Error(err)
		}
	}
	wantPass(t, 1, s.CheckPaymentsOnce)
	if n := s.bank.calls["start"]; n != 0 {
		t.Errorf("the money of a cancelled order was asked for %d times", n)
	}
	s.wantSound(t)
}

// TestCheckPayments_AtOnce: a provider that is slow with one payment does not hold up another.
func TestCheckPayments_AtOnce(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	orders := []order.Order{s.place(t, units("A", 1)), s.place(t, units("A", 1))}
	var both sync.WaitGroup
	both.Add(len(orders))
	for _, o := range orders {
		s.bank.set(s.PaymentID(o.Ref), success(o))
	}
	s.bank.asked = func(ctx context.Context) { // answers once both are asked about
		both.Done()
		met := make(chan struct{})
		go func() { both.Wait(); close(met) }()
		select {
		case <-met:
		case <-ctx.Done():
			t.Error("one payment waited for the other")
		}
	}
	s.clock.Advance(15 * time.Second)
	wantPass(t, 2, s.CheckPaymentsOnce)
	for _, o := range orders {
		s.wantStatus(t, o, order.Paid)
	}
}

func TestExpire(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(s *shop, o order.Order)
		status  order.Status
		payment payment.State
	}{
		{"never started", func(*shop, order.Order) {}, order.Cancelled, payment.Pending}, // it may be on its way
		{"never paid", func(s *shop, o order.Order) {
			s.bank.set(s.PaymentID(o.Ref), payment.Outcome{Status: payment.StatusProcessing})
		}, order.Cancelled, payment.Cancelled},
		{"declined, unheard", func(s *shop, o order.Order) { s.bank.set(s.PaymentID(o.Ref), failure()) }, order.Cancelled, payment.Failed},
		{"paid, unheard", func(s *shop, o order.Order) { s.bank.set(s.PaymentID(o.Ref), success(o)) }, order.Paid, payment.Captured},
		{"the provider does not answer", func(s *shop, _ order.Order) { s.bank.onCancel = payment.ErrUnavailable }, order.Cancelled,
			payment.Pending},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			s.fill(t, "euw-1", "A", 5)
			o := s.place(t, units("A", 1))
			test.prepare(s, o)
			s.clock.Advance(10*time.Minute - time.Microsecond)
			wantPass(t, 0, s.ExpireOnce)
			s.clock.Advance(time.Microsecond)
			wantPass(t, 1, s.ExpireOnce)
			got := s.wantStatus(t, o, test.status)
			if got.Payment.State != test.payment {
				t.Errorf("payment is %s, want %s", got.Payment.State, test.payment)
			}
			if got.Status == order.Cancelled && got.CancelReason != "expired" {
				t.Errorf("cancelled because %s", got.CancelReason)
			}
			wantPass(t, 0, s.ExpireOnce)
			s.wantSound(t)
		})
	}
}

// TestExpire_NeverStarted: a payment that nobody ever started ends soon after its order.
func TestExpire_NeverStarted(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	s.clock.Advance(time.Hour)
	wantPass(t, 1, s.ExpireOnce)
	wantPass(t, 1, s.CheckPaymentsOnce)
	if got := s.get(t, o); got.Payment.State != payment.Cancelled {
		t.Errorf("payment is %s", got.Payment.State)
	}
	s.wantSound(t)
}

// TestExpire_LateSuccess: money that comes after all goes back.
func TestExpire_LateSuccess(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	s.bank.onCancel = payment.ErrUnavailable
	s.clock.Advance(time.Hour)
	wantPass(t, 1, s.ExpireOnce)
	s.settle(t, o, success(o))
	s.settle(t, o, success(o))
	wantPass(t, 1, s.SendRefundsOnce)
	got := s.wantStatus(t, o, order.Cancelled)
	if s.bank.repaid(s.PaymentID(o.Ref)) != o.TotalMinor || got.Refunds[0].Reason != "paid_after_cancellation" ||
		got.Refunds[0].State != payment.RefundSucceeded {
		t.Errorf("refunds %+v", got.Refunds)
	}
	if got := s.counters(t, "euw-1", "A"); got != "5/0/0" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}

// TestExpire_WrongAmount: a capture of another amount than was asked for is for a person
// to look at; the goods are not held for it.
func TestExpire_WrongAmount(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	wrong := success(o)
	wrong.CapturedMinor--
	s.bank.set(s.PaymentID(o.Ref), wrong)
	s.clock.Advance(time.Hour)
	wantPass(t, 1, s.ExpireOnce)
	got := s.wantStatus(t, o, order.Cancelled)
	if got.Payment.State != payment.Pending || got.Payment.CapturedMinor != 0 {
		t.Errorf("payment %+v", got.Payment)
	}
	s.wantMismatches(t, 1)
	wantPass(t, 0, s.ExpireOnce)
	s.wantSound(t)
}

// wantMismatches compares how many payments are left to a person, and of how many the event
// tells.
func (s *shop) wantMismatches(t testing.TB, want int64) {
	t.Helper()
	for _, query := range []string{
		`SELECT count(*) FROM payments WHERE set_aside_at IS NOT NULL AND status <> 'captured'`,
		`SELECT count(*) FROM outbox WHERE topic = 'payment.mismatch' AND payload ->> 'order_id' LIKE 'ord\_%' AND payload ->> 'currency' <> ''`,
	} {
		if n := list[int64](t, s, query)[0]; n != want {
			t.Errorf("%d of %s, want %d", n, query, want)
		}
	}
}

// TestWrongAmount: a success of another amount is set aside once, however it is heard of; it
// is asked about once a day, and settled when the provider says something else.
func TestWrongAmount(t *testing.T) {
	wrong := func(o order.Order) payment.Outcome { out := success(o); out.CapturedMinor++; return out }
	hear := map[string]func(t *testing.T, s *shop, o order.Order){
		"by a question": func(t *testing.T, s *shop, o order.Order) {
			s.bank.set(s.PaymentID(o.Ref), wrong(o))
			s.clock.Advance(15 * time.Second)
			wantPass(t, 1, s.CheckPaymentsOnce)
		},
		"when it is started": func(t *testing.T, s *shop, o order.Order) {
			s.bank.onStart = func(payment.StartInput) (payment.Outcome, error) { return wrong(o), nil }
			s.clock.Advance(15 * time.Second)
			wantPass(t, 1, s.CheckPaymentsOnce)
		},
		"by a webhook": func(t *testing.T, s *shop, o order.Order) {
			s.bank.set(s.PaymentID(o.Ref), wrong(o))
			testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(o, "evt_1", payment.EventPaymentSucceeded, wrong(o))))
			databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
			testkit.Must(s.ProcessWebhooksOnce(t.Context()))(t)
			if n := list[int64](t, s, `SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL`)[0]; n != 0 {
				t.Error("the webhook is still to be acted on")
			}
		},
	}
	for name, hears := range hear {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.fill(t, "euw-1", "A", 5)
			o := s.place(t, units("A", 1))
			hears(t, s, o)
			s.wantMismatches(t, 1)
			for range 3 { // it is not asked about for ever and ever
				s.clock.Advance(23 * time.Hour)
				testkit.Must(s.ExpireOnce(t.Context()))(t)
				testkit.Must(s.CheckPaymentsOnce(t.Context()))(t)
				wantPass(t, 0, s.CheckPaymentsOnce)
			}
			s.wantStatus(t, o, order.Cancelled)
			s.wantMismatches(t, 1)
			s.bank.set(s.PaymentID(o.Ref), success(o)) // put right
			s.clock.Advance(25 * time.Hour)
			wantPass(t, 1, s.CheckPaymentsOnce)
			wantPass(t, 1, s.SendRefundsOnce)
			if got := s.get(t, o); got.Payment.State != payment.Captured || s.bank.repaid(s.PaymentID(o.Ref)) != o.TotalMinor {
				t.Errorf("payment is %s, %d given back", got.Payment.State, s.bank.repaid(s.PaymentID(o.Ref)))
			}
			s.wantSound(t)
		})
	}
}

// TestExpire_SomeFail: more orders than a pass takes cannot be given up; the others are all
// the same, and those as soon as they can be.
func TestExpire_SomeFail(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 60)
	for range 50 {
		s.place(t, units("A", 1))
	}
	s.clock.Advance(time.Second)
	good := testkit.Must(s.Place(t.Context(), s.to(s.basket(t, units("A", 1)), "DE")))(t)
	databasetest.Exec(t, s.db, `ALTER TABLE orders ADD CONSTRAINT broken CHECK (country = 'DE' OR status <> 'cancelled')`)
	s.clock.Advance(30 * time.Minute)
	for _, want := range []int{50, 1, 0} {
		if n, err := s.ExpireOnce(t.Context()); n != want || (err != nil) != (want == 50) {
			t.Errorf("%d, %v; want %d", n, err, want)
		}
	}
	s.wantStatus(t, good, order.Cancelled)
	s.clock.Advance(time.Minute)
	databasetest.Exec(t, s.db, `ALTER TABLE orders DROP CONSTRAINT broken`)
	wantPass(t, 50, s.ExpireOnce)
	wantPass(t, 0, s.ExpireOnce)
	s.wantSound(t)
}

// TestCheckPayments_OneBreaks: a provider that hangs, or a bug that panics, over one payment
// holds none of the others up.
func TestCheckPayments_OneBreaks(t *testing.T) {
	for name, test := range map[string]struct {
		breaks func(ctx context.Context)
		want   string
	}{
		"hangs":  {func(ctx context.Context) { <-ctx.Done() }, ""},
		"panics": {func(context.Context) { panic("a bug") }, "panic: a bug"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.ProviderTimeout = 200 * time.Millisecond
			s.fill(t, "euw-1", "A", 20)
			var orders []order.Order
			for range 12 {
				o := s.place(t, units("A", 1))
				s.bank.set(s.PaymentID(o.Ref), success(o))
				orders = append(orders, o)
			}
			var broken atomic.Bool
			s.bank.asked = func(ctx context.Context) {
				if broken.CompareAndSwap(false, true) {
					test.breaks(ctx)
				}
			}
			s.clock.Advance(15 * time.Second)
			n, err := s.CheckPaymentsOnce(t.Context())
			if n != 12 || (err != nil) != (test.want != "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%d, %v", n, err)
			}
			s.clock.Advance(time.Minute)
			testkit.Must(s.CheckPaymentsOnce(t.Context()))(t) // what broke comes up again
			for _, o := range orders {
				s.wantStatus(t, o, order.Paid)
			}
			s.wantSound(t)
		})
	}
}

// TestHostileOutcome: what a provider says cannot keep an order from being closed, nor a
// refund from failing.
func TestHostileOutcome(t *testing.T) {
	hostile := payment.Outcome{Status: payment.StatusFailed, ProviderRef: "\x00", FailureCode: "card\xff\x00declined"}
	for name, pass := range map[string]func(s *shop) func(context.Context) (int, error){
		"asked":   func(s *shop) func(context.Context) (int, error) { return s.CheckPaymentsOnce },
		"expired": func(s *shop) func(context.Context) (int, error) { return s.ExpireOnce },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.fill(t, "euw-1", "A", 5)
			o := s.place(t, units("A", 1))
			s.bank.set(s.PaymentID(o.Ref), hostile)
			s.clock.Advance(time.Hour)
			wantPass(t, 1, pass(s))
			if got := s.wantStatus(t, o, order.Cancelled); got.Payment.State != payment.Failed ||
				got.Payment.FailureCode != "card\ufffd\ufffddeclined" {
				t.Errorf("payment is %s: %q", got.Payment.State, got.Payment.FailureCode)
			}
			s.wantSound(t)
		})
	}
	t.Run("refund", func(t *testing.T) {
		s := newShop(t)
		s.fill(t, "euw-1", "A", 5)
		o := s.paid(t, units("A", 1))
		s.refund(t, order.RefundInput{Command: by(o)})
		s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
			return payment.RefundOutcome{Status: payment.RefundFailed, FailureCode: "no\x00"}, nil
		}
		wantPass(t, 1, s.SendRefundsOnce)
		if got := s.get(t, o).Refunds[0]; got.State != payment.RefundFailed || got.FailureCode != "no\ufffd" {
			t.Errorf("refund is %s: %q", got.State, got.FailureCode)
		}
	})
	t.Run("webhook", func(t *testing.T) {
		s := newShop(t)
		s.fill(t, "euw-1", "A", 5)
		o := s.place(t, units("A", 1))
		if err := s.ReceiveWebhook(t.Context(), "bank", s.webhook(o, "evt\x00", payment.EventPaymentFailed, hostile)); err != nil {
			t.Error(err)
		}
		s.wantStatus(t, o, order.Cancelled)
	})
}

func TestSettle_WrongAmount(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	less, dollars := success(o), success(o)
	less.CapturedMinor--
	dollars.Amount = money.New(o.TotalMinor, "USD")
	before := s.snapshot(t)
	for _, outcome := range []payment.Outcome{less, dollars} {
		if err := s.Settle(t.Context(), o.Ref, outcome); !is[*order.AmountMismatchError](err) {
			t.Errorf("got %v", err)
		}
	}
	s.wantUnchanged(t, before)
}

func TestStartPayment(t *testing.T) {
	tests := []struct {
		name    string
		answer  func(o order.Order) (payment.Outcome, error)
		status  order.Status
		outcome payment.Status
	}{
		{"at once", func(o order.Order) (payment.Outcome, error) { return success(o), nil }, order.Paid, payment.StatusSucceeded},
		{"declined", func(order.Order) (payment.Outcome, error) { return failure(), nil }, order.Cancelled, payment.StatusFailed},
		{"rejected", func(order.Order) (payment.Outcome, error) {
			return payment.Outcome{}, &payment.RejectedError{Status: 400, Code: "unknown_method"}
		}, order.Cancelled, payment.StatusFailed},
		{"does not answer", func(order.Order) (payment.Outcome, error) { return payment.Outcome{}, payment.ErrUnavailable },
			order.PendingPayment, payment.StatusProcessing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			s.fill(t, "euw-1", "A", 5)
			o := s.place(t, units("A", 1))
			s.bank.onStart = func(payment.StartInput) (payment.Outcome, error) { return test.answer(o) }
			outcome, err := s.StartPayment(t.Context(), o, "")
			if err != nil || outcome.Status != test.outcome {
				t.Errorf("%s, %v; want %s", outcome.Status, err, test.outcome)
			}
			s.wantStatus(t, o, test.status)
			s.wantSound(t)
		})
	}
}

// TestStartPayment_WorkerWasQuicker: a worker, which knows no return URL, started the payment
// first. The shopper still gets what the payment needs.
func TestStartPayment_WorkerWasQuicker(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	s.bank.set(s.PaymentID(o.Ref), payment.Outcome{Status: payment.StatusRequiresAction, ClientSecret: "secret", ProviderRef: "bank_1"})
	s.bank.onStart = func(payment.StartInput) (payment.Outcome, error) { return payment.Outcome{}, payment.ErrConflict }
	outcome, err := s.StartPayment(t.Context(), o, "https://shop.example/back")
	if err != nil || outcome.Status != payment.StatusRequiresAction || outcome.ClientSecret != "secret" {
		t.Errorf("%+v, %v", outcome, err)
	}
	if got := s.get(t, o); got.Payment.State != payment.RequiresAction {
		t.Errorf("payment is %s", got.Payment.State)
	}
}

// webhook is a notice about an order's payment.
func (s *shop) webhook(o order.Order, id string, kind payment.EventType, outcome payment.Outcome) payment.Event {
	return payment.Event{ID: id, Type: kind, PaymentID: s.PaymentID(o.Ref), Outcome: outcome, OccurredAt: s.clock.Now()}
}

// inbox says of each webhook whether it was processed.
func (s *shop) inbox(t testing.TB) []string {
	t.Helper()
	return list[string](t, s, `
SELECT event_id || CASE WHEN processed_at IS NULL THEN ' open' ELSE ' done' END || CASE WHEN last_error = '' THEN '' ELSE ': ' || last_error END
FROM webhook_inbox
ORDER BY event_id`)
}

func (s *shop) wantInbox(t testing.TB, want ...string) {
	t.Helper()
	got := s.inbox(t)
	if len(got) != len(want) {
		t.Fatalf("inbox %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("inbox %q, want %q", got, want)
		}
	}
}

func TestReceiveWebhook(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	paid := s.webhook(o, "evt_1", payment.EventPaymentSucceeded, success(o))
	databasetest.WantTrips(t, "ReceiveWebhook", 1, func(ctx context.Context) {
		if err := s.ReceiveWebhook(ctx, "bank", paid); err != nil {
			t.Error(err)
		}
	})
	s.wantStatus(t, o, order.Paid)
	s.wantInbox(t, "evt_1 done")
	before := s.snapshot(t)
	databasetest.WantTrips(t, "ReceiveWebhook", 1, func(ctx context.Context) { // again, in another region
		if err := s.in(t, "us-east").ReceiveWebhook(ctx, "bank", paid); err != nil {
			t.Error(err)
		}
	})
	// A failure of an earlier try, heard late.
	if err := s.ReceiveWebhook(t.Context(), "bank", s.webhook(o, "evt_0", payment.EventPaymentFailed, failure())); err != nil {
		t.Error(err)
	}
	s.wantInbox(t, "evt_0 done", "evt_1 done")
	s.wantUnchanged(t, before)
}

func TestReceiveWebhook_NotOurs(t *testing.T) {
	s := newShop(t)
	for id, event := range map[string]payment.Event{
		"evt_1": {Type: payment.EventOther},
		"evt_2": {Type: payment.EventPaymentSucceeded, PaymentID: "pay_of_somebody_else"},
		"evt_3": {Type: payment.EventRefundFailed, RefundID: "rfd_of_somebody_else"},
	} {
		event.ID = id
		if err := s.ReceiveWebhook(t.Context(), "bank", event); err != nil {
			t.Error(err)
		}
	}
	s.wantInbox(t, "evt_1 done: nothing to do", "evt_2 done: not one of our payments", "evt_3 done: not one of our refunds")
}

// TestReceiveWebhook_Early: the notice of a payment that is not written yet waits for it.
func TestReceiveWebhook_Early(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	home := o.Ref.Region
	ghost := o
	ghost.Ref.ID[0] ^= 1
	testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(ghost, "evt_1", payment.EventPaymentSucceeded, success(o))))
	wantPass(t, 0, s.ProcessWebhooksOnce) // left alone for a while
	databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	if n, err := s.ProcessWebhooksOnce(t.Context()); n != 1 || !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("%d, %v", n, err)
	}
	s.wantInbox(t, "evt_1 open: "+payment.ErrUnknownPayment.Error())
	databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now(), event = jsonb_set(event, '{PaymentID}', to_jsonb($1::text)) WHERE region = $2`,
		s.PaymentID(o.Ref), home)
	wantPass(t, 1, s.ProcessWebhooksOnce)
	s.wantStatus(t, o, order.Paid)
	databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	wantPass(t, 0, s.ProcessWebhooksOnce)
}

// TestReceiveWebhook_GivenUp: a notice about a payment nobody ever knows ends, after 15 hours.
func TestReceiveWebhook_GivenUp(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	ghost := s.place(t, units("A", 1))
	ghost.Ref.ID[0] ^= 1
	testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", s.webhook(ghost, "evt_1", payment.EventPaymentSucceeded, success(ghost))))
	var waited int64 // seconds
	for tries := 1; s.inbox(t)[0] != "evt_1 done: unknown payment"; tries++ {
		if tries > 60 {
			t.Fatalf("after %d tries: %q", tries, s.inbox(t))
		}
		databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
		n, err := s.ProcessWebhooksOnce(t.Context())
		if n != 1 || (tries < 60) != errors.Is(err, payment.ErrUnknownPayment) {
			t.Fatalf("try %d: %d, %v", tries, n, err)
		}
		waited += list[int64](t, s, `SELECT round(extract(epoch FROM next_attempt_at - now()))::int8 FROM webhook_inbox`)[0]
	}
	if wait := time.Duration(waited) * time.Second; wait.Round(time.Hour) != 15*time.Hour {
		t.Errorf("it waited for %s", wait)
	}
	wantPass(t, 0, s.ProcessWebhooksOnce)
}

// TestProcessWebhooks_Crash: the process died between the inbox and its work.
func TestProcessWebhooks_Crash(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	inbox := payment.Inbox{DB: s.db, Regions: s.Regions}
	if _, todo, err := inbox.Receive(t.Context(), "bank", s.webhook(o, "evt_1", payment.EventPaymentSucceeded, success(o))); err != nil ||
		!todo {
		t.Fatal(todo, err)
	}
	databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now() - INTERVAL '61 seconds'`)
	wantPass(t, 1, s.in(t, "ap-southeast").takeOver("eu-west"))
	s.wantStatus(t, o, order.Paid)
	s.wantInbox(t, "evt_1 done")
	s.wantSound(t)
}

// TestReceiveWebhookConcurrently delivers a success and a failure many times at once.
func TestReceiveWebhookConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 50)
	pods := []*shop{s, s.in(t, "us-west")}
	for range 5 {
		o := s.place(t, units("A", 1))
		var all sync.WaitGroup
		for i := range 8 {
			event := s.webhook(o, "good_"+s.PublicID(o.Ref), payment.EventPaymentSucceeded, success(o))
			if i%4 == 0 {
				event = s.webhook(o, "bad_"+s.PublicID(o.Ref), payment.EventPaymentFailed, failure())
			}
			all.Go(func() {
				if err := pods[i%2].ReceiveWebhook(t.Context(), "bank", event); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := s.get(t, o); got.Payment.State != payment.Captured || got.Status == order.PendingPayment {
			t.Errorf("payment %s, order %s", got.Payment.State, got.Status)
		}
	}
	s.wantSound(t)
}

// TestSendRefunds_Crash: the refund was promised and never sent, or sent and the answer lost.
func TestSendRefunds_Crash(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.paid(t, units("A", 1))
	s.refund(t, order.RefundInput{Command: by(o)})
	s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
		return payment.RefundOutcome{}, payment.ErrUnavailable
	}
	if n, err := s.SendRefundsOnce(t.Context()); n != 1 || !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("%d, %v", n, err)
	}
	wantPass(t, 0, s.SendRefundsOnce) // left alone for a while
	s.bank.onRefund = func(in payment.RefundInput) (payment.RefundOutcome, error) {
		return payment.RefundOutcome{Status: payment.RefundPending, ProviderRef: "r", Amount: in.Amount}, nil
	}
	databasetest.Exec(t, s.db, `UPDATE refunds SET next_attempt_at = now()`)
	wantPass(t, 1, s.SendRefundsOnce)
	s.bank.onRefund = nil
	databasetest.Exec(t, s.db, `UPDATE refunds SET next_attempt_at = now() - INTERVAL '61 seconds'`)
	wantPass(t, 1, s.in(t, "us-east").takeOver("eu-west")) // its region is down
	if got := s.get(t, o); got.Refunds[0].State != payment.RefundSucceeded || len(s.bank.refunds) != 1 {
		t.Errorf("refund is %s, and the bank knows %d", got.Refunds[0].State, len(s.bank.refunds))
	}
	databasetest.Exec(t, s.db, `UPDATE refunds SET next_attempt_at = now()`)
	wantPass(t, 0, s.SendRefundsOnce)
	s.wantSound(t)
}

// TestSendRefunds_Hopeless: a refund that the provider will never make fails, so that
// operators hear of it, rather than being tried for ever.
func TestSendRefunds_Hopeless(t *testing.T) {
	for _, refusal := range []error{payment.ErrUnknownPayment, payment.ErrConflict, payment.ErrRefundTooLarge} {
		t.Run(refusal.Error(), func(t *testing.T) {
			s := newShop(t)
			s.fill(t, "euw-1", "A", 5)
			o := s.paid(t, units("A", 1))
			s.refund(t, order.RefundInput{Command: by(o)})
			s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) { return payment.RefundOutcome{}, refusal }
			wantPass(t, 1, s.SendRefundsOnce)
			got := s.get(t, o)
			if got.Refunds[0].State != payment.RefundFailed || got.Refunds[0].FailureCode == "" || got.Payment.RefundedMinor != 0 {
				t.Errorf("refund %+v, %d promised", got.Refunds[0], got.Payment.RefundedMinor)
			}
			if n := list[int64](t, s, `SELECT count(*) FROM outbox WHERE topic = 'refund.failed'`)[0]; n != 1 {
				t.Errorf("%d events", n)
			}
			s.wantSound(t)
		})
	}
}

// TestWorkersConcurrently runs the passes of four workers over the same orders.
func TestWorkersConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 100)
	pods := []*shop{s, s, s.in(t, "us-east"), s.in(t, "us-east")}
	var orders []order.Order
	for i := range 20 {
		o := s.place(t, units("A", 1))
		if i%2 == 0 {
			s.bank.set(s.PaymentID(o.Ref), success(o))
		}
		orders = append(orders, o)
	}
	s.clock.Advance(32 * time.Minute)
	var taken atomic.Int64
	var all sync.WaitGroup
	for _, pod := range pods {
		all.Go(func() {
			passes := []func(context.Context) (int, error){pod.ExpireOnce, pod.CheckPaymentsOnce, pod.SendRefundsOnce, pod.ProcessWebhooksOnce}
			if pod.db.Region() != "eu-west" {
				passes = []func(context.Context) (int, error){pod.takeOver("eu-west")}
			}
			for _, pass := range passes {
				n, err := pass(t.Context())
				if err != nil {
					t.Error(err)
				}
				taken.Add(int64(n))
			}
		})
	}
	all.Wait()
	for i, o := range orders {
		want := order.Cancelled
		if i%2 == 0 {
			want = order.Paid
		}
		s.wantStatus(t, o, want)
	}
	if taken.Load() < 20 {
		t.Errorf("%d taken up, of 20 orders", taken.Load())
	}
	s.wantSound(t)
}
