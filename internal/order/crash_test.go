package order_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// pending are the statements that find what a worker still has to finish.
var pending = map[string]string{
	"orders that wait":     `SELECT count(*) FROM orders WHERE status = 'pending_payment'`,
	"payments that wait":   `SELECT count(*) FROM payments WHERE status IN ('pending', 'requires_action')`,
	"refunds to be sent":   `SELECT count(*) FROM refunds WHERE status = 'pending'`,
	"webhooks unprocessed": `SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL`,
	"events undelivered":   `SELECT count(*) FROM outbox WHERE delivered_at IS NULL`,
}

// finish lets two hours pass, and the passes of a pod run, until nothing is left to do. The
// orders are of eu-west: a pod of another region takes over what that has left lying.
func (s *shop) finish(t *testing.T) {
	t.Helper()
	courier := &outbox.Courier{DB: s.db, Receive: func(context.Context, outbox.Event) error { return nil }}
	passes := []func(context.Context) (int, error){s.ProcessWebhooksOnce, s.CheckPaymentsOnce, s.ExpireOnce, s.SendRefundsOnce,
		courier.DeliverOnce}
	if s.db.Region() != "eu-west" {
		passes = []func(context.Context) (int, error){
			s.takeOver("eu-west"), func(ctx context.Context) (int, error) { return courier.TakeOverOnce(ctx, "eu-west") },
		}
	}
	for round := 0; ; round++ {
		s.clock.Advance(2 * time.Hour)
		testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
			b.Queue(`UPDATE refunds SET next_attempt_at = next_attempt_at - INTERVAL '2 hours'`)
			b.Queue(`UPDATE webhook_inbox SET next_attempt_at = next_attempt_at - INTERVAL '2 hours'`)
			b.Queue(`UPDATE outbox SET next_attempt_at = next_attempt_at - INTERVAL '2 hours'`)
			return nil
		}))
		total := 0
		for _, pass := range passes {
			total += testkit.Must(pass(t.Context()))(t)
		}
		if total == 0 {
			return
		}
		if round == 20 {
			t.Fatal("there is no end to it")
		}
	}
}

// TestCrash lets a pod die between any two steps of an order's life and has the workers of
// another pod, in the same region and in another, finish it.
func TestCrash(t *testing.T) {
	type end struct {
		status         order.Status
		payment        payment.State
		repaid, starts bool // all of the money went back; the provider was asked to start it
	}
	tests := []struct {
		name string
		die  func(t *testing.T, s *shop) order.Order
		want end
	}{
		{"placed, not asked for", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			s.bank.onStart = func(payment.StartInput) (payment.Outcome, error) { return success(o), nil }
			return o
		}, end{order.Paid, payment.Captured, false, true}},
		{"asked for, unanswered", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			s.bank.onStart = func(in payment.StartInput) (payment.Outcome, error) {
				s.bank.outcomes[in.PaymentID] = success(o)
				return payment.Outcome{}, payment.ErrUnavailable
			}
			testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
			return o
		}, end{order.Paid, payment.Captured, false, true}},
		{"answered, not stored", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			dying, die := context.WithCancel(t.Context())
			s.bank.onStart = func(payment.StartInput) (payment.Outcome, error) { die(); return success(o), nil }
			_, _ = s.StartPayment(dying, o, "") // which may have stored it all the same
			return o
		}, end{order.Paid, payment.Captured, false, true}},
		{"declined, not stored", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			s.bank.set(s.PaymentID(o.Ref), failure())
			return o
		}, end{order.Cancelled, payment.Failed, false, false}},
		{"webhook stored", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			inbox := payment.Inbox{DB: s.db, Regions: s.Regions}
			for id, kind := range map[string]payment.EventType{"evt_1": payment.EventPaymentSucceeded, "evt_2": payment.EventOther} {
				if _, _, err := inbox.Receive(t.Context(), "bank", s.webhook(o, id, kind, success(o))); err != nil {
					t.Fatal(err)
				}
			}
			return o
		}, end{order.Paid, payment.Captured, false, false}},
		{"never paid", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
			return o
		}, end{order.Cancelled, payment.Cancelled, false, true}},
		{"expired, the provider not told", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			s.bank.set(s.PaymentID(o.Ref), success(o))
			s.bank.onCancel = payment.ErrUnavailable
			s.clock.Advance(time.Hour)
			wantPass(t, 1, s.ExpireOnce)
			s.bank.onCancel = nil
			return o
		}, end{order.Cancelled, payment.Captured, true, false}},
		{"cancelled, the provider not told", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			testkit.Must(s.StartPayment(t.Context(), o, ""))(t)
			testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
			return o
		}, end{order.Cancelled, payment.Cancelled, false, true}},
		{"refund promised", func(t *testing.T, s *shop) order.Order {
			o := s.paid(t, units("A", 1))
			s.refund(t, order.RefundInput{Command: by(o)})
			return o
		}, end{order.Refunded, payment.Captured, true, false}},
		{"refund sent, unanswered", func(t *testing.T, s *shop) order.Order {
			o := s.paid(t, units("A", 1))
			s.refund(t, order.RefundInput{Command: by(o)})
			s.bank.onRefund = func(payment.RefundInput) (payment.RefundOutcome, error) {
				return payment.RefundOutcome{}, payment.ErrUnavailable
			}
			if _, err := s.SendRefundsOnce(t.Context()); !errors.Is(err, payment.ErrUnavailable) {
				t.Fatal(err)
			}
			s.bank.onRefund = nil
			return o
		}, end{order.Refunded, payment.Captured, true, false}},
		{"everything claimed", func(t *testing.T, s *shop) order.Order {
			o := s.place(t, units("A", 1))
			s.bank.set(s.PaymentID(o.Ref), success(o))
			testkit.Must(payment.ClaimDue(t.Context(), s.db, s.db.Own(), "(SELECT region, id, true AS open, updated_at AS changed_at FROM orders)",
				s.clock.Now().Add(time.Hour), 10))(t)
			inbox := payment.Inbox{DB: s.db, Regions: s.Regions}
			if _, _, err := inbox.Receive(t.Context(), "bank", s.webhook(o, "evt_1", payment.EventPaymentSucceeded, success(o))); err != nil {
				t.Fatal(err)
			}
			databasetest.Exec(t, s.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
			testkit.Must(inbox.ClaimNotices(t.Context(), s.db.Own(), 10))(t)
			return o
		}, end{order.Paid, payment.Captured, false, false}},
	}
	for _, test := range tests {
		for _, region := range []string{"eu-west", "ap-southeast"} {
			t.Run(test.name+"/finished in "+region, func(t *testing.T) {
				t.Parallel()
				s := newShop(t)
				s.fill(t, "euw-1", "A", 5)
				o := test.die(t, s)
				s.in(t, region).finish(t)
				got := s.get(t, o)
				paid, repaid := s.bank.started[s.PaymentID(o.Ref)], s.bank.repaid(s.PaymentID(o.Ref))
				if have := (end{got.Status, got.Payment.State, repaid == o.TotalMinor, paid.PaymentID != ""}); have != test.want {
					t.Errorf("it ends as %+v, want %+v", have, test.want)
				}
				if len(s.bank.refunds) > 1 || len(s.bank.started) > 1 {
					t.Errorf("%d refunds, %d charges", len(s.bank.refunds), len(s.bank.started))
				}
				for what, query := range pending {
					if n := list[int64](t, s, query)[0]; n != 0 {
						t.Errorf("%d %s", n, what)
					}
				}
				s.wantSound(t)
			})
		}
	}
}

// lost makes the rows of a region unreachable: a statement about them hangs.
type lost struct{ region string }

func (l lost) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if slices.Contains(data.Args, any(l.region)) {
		<-ctx.Done()
	}
	return ctx
}
func (lost) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (lost) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (lost) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (l lost) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, query := range data.Batch.QueuedQueries {
		if slices.Contains(query.Arguments, any(l.region)) {
			<-ctx.Done()
		}
	}
	return ctx
}

// TestTakeOver_RegionOutOfReach: a region whose rows nobody can reach fails alone, soon, and
// keeps no worker from its own rows, nor from those of a region that is only down.
func TestTakeOver_RegionOutOfReach(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	o := s.place(t, units("A", 1))
	s.bank.set(s.PaymentID(o.Ref), success(o))
	s.clock.Advance(10 * time.Minute)
	elsewhere := s.in(t, "us-east")
	there := testkit.Must(database.Open(t.Context(), database.Config{URL: s.kit.URL, Region: "us-east", Tracer: lost{"us-west"}}))(t)
	t.Cleanup(there.Close)
	elsewhere.db, elsewhere.DB = there, there
	if n, err := elsewhere.TakeOverOnce(t.Context(), "us-west"); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
	courier := &outbox.Courier{DB: there, Receive: func(context.Context, outbox.Event) error { return nil }}
	if n, err := courier.TakeOverOnce(t.Context(), "us-west"); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
	wantPass(t, 1, elsewhere.takeOver("eu-west"))
	wantPass(t, 0, elsewhere.CheckPaymentsOnce)
	s.wantStatus(t, o, order.Paid)
}
