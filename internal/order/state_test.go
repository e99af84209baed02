package order_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/shoptest"
)

// reach makes an order of two units of A and one of B and brings it to a state.
func (s *shop) reach(t testing.TB, status order.Status) order.Order {
	t.Helper()
	o := s.place(t, units("A", 2), units("B", 1))
	steps := map[order.Status][]string{
		order.PendingPayment: {},
		order.Cancelled:      {"cancel"},
		order.Paid:           {"pay"},
		order.Packed:         {"pay", "pack"},
		order.Shipped:        {"pay", "pack", "ship"},
		order.Delivered:      {"pay", "pack", "ship", "deliver"},
		order.Returned:       {"pay", "pack", "ship", "deliver", "return lines"},
		order.Refunded:       {"pay", "refund"},
	}
	for _, name := range steps[status] {
		if err := actions[name](t.Context(), s, o); err != nil {
			t.Fatalf("%s an order on its way to %s: %v", name, status, err)
		}
	}
	return s.wantStatus(t, o, status)
}

// actions are all that can happen to an order.
var actions = map[string]func(ctx context.Context, s *shop, o order.Order) error{
	"pay":  func(ctx context.Context, s *shop, o order.Order) error { return s.Settle(ctx, o.Ref, success(o)) },
	"fail": func(ctx context.Context, s *shop, o order.Order) error { return s.Settle(ctx, o.Ref, failure()) },
	"hold": func(ctx context.Context, s *shop, o order.Order) error {
		return s.Settle(ctx, o.Ref, payment.Outcome{Status: payment.StatusRequiresAction, ProviderRef: "bank_1"})
	},
	"cancel": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Cancel(ctx, order.CancelInput{Command: by(o)})
		return err
	},
	"cancel by operator": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Cancel(ctx, order.CancelInput{Command: by(o), ByOperator: true})
		return err
	},
	"pack": func(ctx context.Context, s *shop, o order.Order) error { _, err := s.Pack(ctx, by(o)); return err },
	"ship": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Ship(ctx, order.ShipInput{Command: by(o), Carrier: "Post", Tracking: "1Z"})
		return err
	},
	"deliver": func(ctx context.Context, s *shop, o order.Order) error { _, err := s.Deliver(ctx, by(o)); return err },
	"refund": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Refund(ctx, order.RefundInput{Command: by(o)})
		return err
	},
	"refund a unit": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Refund(ctx, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 1}}})
		return err
	},
	"refund an amount": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Refund(ctx, order.RefundInput{Command: by(o), AmountMinor: 1})
		return err
	},
	"return lines": func(ctx context.Context, s *shop, o order.Order) error {
		_, err := s.Refund(ctx, order.RefundInput{
			Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 2}, {LineNo: 2, Quantity: 1}}, Restock: true,
		})
		return err
	},
	"expire": func(ctx context.Context, s *shop, _ order.Order) error { _, err := s.ExpireOnce(ctx); return err },
}

// becomes is the state machine as the tests know it: what each action makes of an order in
// each state. Where nothing is named the action must not be allowed.
var becomes = map[string]map[order.Status]order.Status{
	"cancel": {order.PendingPayment: order.Cancelled, order.Paid: order.Refunded},
	"cancel by operator": {
		order.PendingPayment: order.Cancelled, order.Paid: order.Refunded, order.Packed: order.Refunded,
	},
	"pack":    {order.Paid: order.Packed},
	"ship":    {order.Packed: order.Shipped},
	"deliver": {order.Shipped: order.Delivered},
	"refund": {
		order.Paid: order.Refunded, order.Packed: order.Refunded, order.Shipped: order.Refunded,
		order.Delivered: order.Refunded, order.Returned: order.Refunded,
	},
	"refund a unit": {
		order.Paid: order.Paid, order.Packed: order.Packed, order.Shipped: order.Shipped, order.Delivered: order.Delivered,
	},
	"refund an amount": {
		order.Paid: order.Paid, order.Packed: order.Packed, order.Shipped: order.Shipped, order.Delivered: order.Delivered,
		order.Returned: order.Returned,
	},
}

// TestTransitions tries every action of a person in every state: it does what the table
// says, or is refused and changes nothing at all.
func TestTransitions(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B"} {
		s.fill(t, "euw-1", sku, 400)
	}
	for action, table := range becomes {
		for _, from := range order.Statuses {
			t.Run(action+" when "+string(from), func(t *testing.T) {
				o := s.reach(t, from)
				before := s.snapshot(t)
				err := actions[action](t.Context(), s, o)
				to, allowed := table[from]
				if allowed {
					if err != nil {
						t.Fatal(err)
					}
					after := s.wantStatus(t, o, to)
					if after.Version != o.Version+1 || after.History[o.Version].Actor != "usr_euw_test" || after.History[o.Version].Reason != "a test" {
						t.Errorf("version %d after %d, history %+v", after.Version, o.Version, after.History)
					}
					s.wantSound(t)
					return
				}
				var refused *order.StateError
				if !errors.As(err, &refused) || refused.Status != from || len(refused.Allowed) == 0 {
					t.Errorf("got %v, want a StateError about %s", err, from)
				}
				s.wantUnchanged(t, before)
			})
		}
	}
}

// TestSettle_States hands every outcome of a payment to an order in every state.
func TestSettle_States(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B"} {
		s.fill(t, "euw-1", sku, 400)
	}
	for _, outcome := range []string{"pay", "fail", "hold"} {
		for _, from := range order.Statuses {
			t.Run(outcome+" when "+string(from), func(t *testing.T) {
				o := s.reach(t, from)
				before := s.snapshot(t)
				for range 3 { // twice and again changes nothing more
					testkit.NoError(t, actions[outcome](t.Context(), s, o))
				}
				after := s.get(t, o)
				switch {
				case from == order.PendingPayment && outcome == "pay":
					s.wantStatus(t, o, order.Paid)
				case from == order.PendingPayment && outcome == "fail":
					if after.Status != order.Cancelled || after.CancelReason != "payment_failed" || after.History[1].Reason != "card_declined" {
						t.Errorf("%s, %s: %+v", after.Status, after.CancelReason, after.History)
					}
				case from == order.PendingPayment:
					if after.Payment.State != payment.RequiresAction || after.Version != o.Version {
						t.Errorf("payment is %s at version %d", after.Payment.State, after.Version)
					}
				case from == order.Cancelled && outcome == "pay":
					if after.Status != order.Cancelled || after.Payment.RefundedMinor != o.TotalMinor || len(after.Refunds) != 1 {
						t.Errorf("a late success: %s, %+v, refunds %+v", after.Status, after.Payment, after.Refunds)
					}
				case from == order.Cancelled: // the payment's own row tells what became of it
					if after.Status != order.Cancelled || after.Version != o.Version || len(after.Refunds) != 0 {
						t.Errorf("%+v", after)
					}
				default:
					s.wantUnchanged(t, before)
				}
				s.wantSound(t)
			})
		}
	}
}

func TestCancel_Reasons(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	s.fill(t, "euw-1", "B", 10)
	for name, want := range map[string]string{"cancel": "by_customer", "cancel by operator": "by_operator", "fail": "payment_failed"} {
		o := s.reach(t, order.PendingPayment)
		testkit.NoError(t, actions[name](t.Context(), s, o))
		if got := s.get(t, o).CancelReason; got != want {
			t.Errorf("%s: cancelled because %s, want %s", name, got, want)
		}
	}
	if got := s.counters(t, "euw-1", "A"); got != "10/0/0" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}

func TestAdvance_Trips(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	s.fill(t, "euw-1", "B", 10)
	o := s.reach(t, order.PendingPayment)
	for _, name := range []string{"pay", "pack", "ship", "deliver"} {
		databasetest.WantTrips(t, name, 1, func(ctx context.Context) {
			if err := actions[name](ctx, s, o); err != nil {
				t.Error(name, err)
			}
		})
	}
	databasetest.WantTrips(t, "refund", 2, func(ctx context.Context) {
		if err := actions["refund"](ctx, s, o); err != nil {
			t.Error(err)
		}
	})
}

// TestShip_Parcels ships an order that is split over warehouses in two regions.
func TestShip_Parcels(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 2)
	s.fill(t, "use-1", "A", 2)
	s.fill(t, "use-1", "B", 1)
	o := s.paid(t, units("A", 4), units("B", 1))
	for _, name := range []string{"pack", "ship", "deliver"} {
		testkit.NoError(t, actions[name](t.Context(), s, o))
	}
	got := s.get(t, o)
	if len(got.Shipments) != 2 || got.Shipments[0].Warehouse != "euw-1" || got.Shipments[1].Warehouse != "use-1" ||
		got.Shipments[0].Tracking != "1Z" || got.Shipments[1].DeliveredAt == nil {
		t.Errorf("parcels %+v", got.Shipments)
	}
	if got := s.counters(t, "euw-1", "A") + " " + s.counters(t, "use-1", "A") + " " + s.counters(t, "use-1", "B"); got != "0/0/0 0/0/0 0/0/0" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}

func TestCommand_NoSuchOrder(t *testing.T) {
	s := newShop(t)
	ghost := order.Order{TotalMinor: 1, Currency: "EUR"}
	ghost.Ref.Region, ghost.Ref.ID = "eu-west", uuid.New()
	for name, action := range actions {
		want := order.ErrNotFound
		switch name {
		case "pay", "fail", "hold":
			want = payment.ErrUnknownPayment
		case "expire":
			continue
		}
		if err := action(t.Context(), s, ghost); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := s.Get(t.Context(), ghost.Ref); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}

func TestCommand_Replay(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 100)
	s.fill(t, "euw-1", "B", 100)
	tests := []struct {
		name string
		from order.Status
		do   func(c order.Command) (order.Order, error)
	}{
		{"pack", order.Paid, func(c order.Command) (order.Order, error) { return s.Pack(t.Context(), c) }},
		{"cancel unpaid", order.PendingPayment, func(c order.Command) (order.Order, error) {
			return s.Cancel(t.Context(), order.CancelInput{Command: c})
		}},
		{"cancel paid", order.Paid, func(c order.Command) (order.Order, error) {
			return s.Cancel(t.Context(), order.CancelInput{Command: c})
		}},
		{"refund", order.Delivered, func(c order.Command) (order.Order, error) {
			return s.Refund(t.Context(), order.RefundInput{Command: c})
		}},
		{"refund an amount", order.Paid, func(c order.Command) (order.Order, error) {
			return s.Refund(t.Context(), order.RefundInput{Command: c, AmountMinor: 7})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := s.reach(t, test.from)
			c := by(o)
			c.Idempotency = idempotency.Key{Region: o.Ref.Region, Scope: s.PublicID(o.Ref), Key: "k1", Fingerprint: []byte("x")}
			testkit.Must(test.do(c))(t)
			before := s.snapshot(t)
			var replay *idempotency.Replay
			if _, err := test.do(c); !errors.As(err, &replay) || replay.Answer.Resource != s.PublicID(o.Ref) {
				t.Errorf("repeated: %v", err)
			}
			c.Idempotency.Fingerprint = []byte("y")
			if _, err := test.do(c); !errors.Is(err, idempotency.ErrReused) {
				t.Errorf("the key reused: %v", err)
			}
			s.wantUnchanged(t, before)
		})
	}
}

// TestTransitionsConcurrently lets a success, a failure, a cancellation and an expiry race
// for the same orders.
func TestTransitionsConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 100)
	s.fill(t, "use-1", "B", 100)
	pods := []*shop{s, s.in(t, "us-east")}
	var orders []order.Order
	for range 10 {
		orders = append(orders, s.place(t, units("A", 2), units("B", 1)))
	}
	s.clock.Advance(time.Hour)
	for _, o := range orders {
		s.bank.set(s.PaymentID(o.Ref), success(o))
	}
	var all sync.WaitGroup
	for i, o := range orders {
		for _, name := range []string{"pay", "fail", "cancel", "expire", "pay"} {
			all.Go(func() {
				err := actions[name](t.Context(), pods[i%2], o)
				var refused *order.StateError
				if err != nil && !errors.As(err, &refused) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	all.Wait()
	for _, o := range orders {
		if got := s.get(t, o); got.Status == order.PendingPayment || got.Payment.State != payment.Captured {
			t.Errorf("after a success and more: %s, payment %s", got.Status, got.Payment.State)
		}
	}
	s.wantSound(t)
}

// TestPackConcurrently asks ten times at once for what can happen once.
func TestPackConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 1))
	var packed atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_, err := s.Pack(t.Context(), by(o))
			if err == nil {
				packed.Add(1)
			} else if !is[*order.StateError](err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if packed.Load() != 1 {
		t.Errorf("packed %d times", packed.Load())
	}
	s.wantSound(t)
}

// TestLife_AnyOrder draws sequences of everything that can happen to an order, in any
// order and number, and holds the database to what must always be true.
func TestLife_AnyOrder(t *testing.T) {
	s := newShop(t)
	for _, at := range []string{"euw-1", "use-1", "aps-1"} {
		s.fill(t, at, "A", 3000)
		s.fill(t, at, "B", 3000)
	}
	s.bank.onCancel = payment.ErrUnavailable
	names := []string{
		"pay", "pay", "fail", "hold", "cancel", "cancel by operator", "pack", "ship", "deliver",
		"refund", "refund a unit", "refund an amount", "return lines", "expire", "later", "send refunds", "check",
	}
	rapid.Check(t, func(rt *rapid.T) {
		o := s.place(t, units("A", rapid.Int64Range(2, 4).Draw(rt, "A")), units("B", 1))
		s.bank.onRefund = func(in payment.RefundInput) (payment.RefundOutcome, error) {
			status := rapid.SampledFrom([]payment.RefundStatus{payment.RefundPending, payment.RefundSucceeded, payment.RefundFailed}).Draw(rt,
				"refund")
			return payment.RefundOutcome{Status: status, ProviderRef: "r", Amount: in.Amount}, nil
		}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 14).Draw(rt, "what happens") {
			err := s.happen(t, o, name)
			var state *order.StateError
			var tooLarge *order.RefundTooLargeError
			if err != nil && !errors.As(err, &state) && !errors.As(err, &tooLarge) && !errors.Is(err, payment.ErrUnavailable) {
				rt.Fatalf("%s: %v", name, err)
			}
		}
		if faults := shoptest.Unsound(t, s.db); len(faults) > 0 {
			rt.Fatal(faults)
		}
		s.forget(t, o)
	})
}

func (s *shop) happen(t testing.TB, o order.Order, name string) error {
	switch name {
	case "later":
		s.clock.Advance(31 * time.Minute)
		return nil
	case "send refunds":
		s.update(t, `UPDATE refunds SET next_attempt_at = now() WHERE status = 'pending'`)
		_, err := s.SendRefundsOnce(context.Background())
		return err
	case "check":
		_, err := s.CheckPaymentsOnce(context.Background())
		return err
	}
	return actions[name](context.Background(), s, o)
}

// forget keeps the workers off an order of an earlier draw.
func (s *shop) forget(t testing.TB, o order.Order) {
	t.Helper()
	if got := s.get(t, o); got.Status == order.PendingPayment {
		s.settle(t, o, failure())
	}
	s.update(t, `UPDATE refunds SET status = 'succeeded' WHERE status = 'pending'`)
	s.update(t, `UPDATE payments SET status = 'failed' WHERE status IN ('pending', 'requires_action')`)
}

// update runs a statement that may find nothing to change.
func (s *shop) update(t testing.TB, sql string) {
	t.Helper()
	testkit.NoError(t, s.db.Write(context.Background(), func(b *database.Batch) error { b.Queue(sql); return nil }))
}

// TestRefundLines_AddUp cuts the refund of random orders into random parts.
func TestRefundLines_AddUp(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B", "C"} {
		s.fill(t, "euw-1", sku, 5_000)
		s.fill(t, "use-1", sku, 5_000)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var lines []cart.Change
		for _, sku := range []string{"A", "B", "C"} {
			lines = append(lines, units(sku, rapid.Int64Range(1, 7).Draw(rt, sku)))
		}
		in := s.to(s.basket(t, lines...), rapid.SampledFrom([]string{"IE", "US"}).Draw(rt, "country"))
		in.ShipTo.State = map[string]string{"US": "CA"}[in.ShipTo.Country]
		o := testkit.Must(s.Place(context.Background(), in))(t)
		s.settle(t, o, success(o))
		sent := rapid.Bool().Draw(rt, "sent")
		if sent {
			for _, name := range []string{"pack", "ship"} {
				testkit.NoError(rt, actions[name](context.Background(), s, o))
			}
		}
		left := map[int64]int64{}
		for _, line := range o.Lines {
			left[line.LineNo] = line.Quantity
		}
		for len(left) > 0 {
			var lineNos []int64
			for lineNo := range o.Lines {
				if left[int64(lineNo+1)] > 0 {
					lineNos = append(lineNos, int64(lineNo+1))
				}
			}
			lineNo := rapid.SampledFrom(lineNos).Draw(rt, "line")
			n := rapid.Int64Range(1, left[lineNo]).Draw(rt, "units")
			asked := []order.RefundUnits{{LineNo: lineNo, Quantity: n}}
			if n > 1 && rapid.Bool().Draw(rt, "named twice") {
				asked = []order.RefundUnits{{LineNo: lineNo, Quantity: 1}, {LineNo: lineNo, Quantity: n - 1}}
			}
			testkit.Must(s.Refund(context.Background(), order.RefundInput{Command: by(o), Lines: asked, Restock: sent}))(rt)
			if left[lineNo] -= n; left[lineNo] == 0 {
				delete(left, lineNo)
			}
		}
		got := s.get(t, o)
		for _, line := range got.Lines {
			if line.RefundedMinor != line.TotalMinor || line.RefundedQuantity != line.Quantity {
				rt.Fatalf("of line %+v %d units and %d minor units were refunded", line, line.RefundedQuantity, line.RefundedMinor)
			}
		}
		status := order.Refunded
		if sent {
			status = order.Returned
		}
		if goods := got.TotalMinor - got.ShippingMinor; got.Payment.RefundedMinor != goods || got.Status != status {
			rt.Fatalf("%d refunded for goods of %d, the order is %s; want %s", got.Payment.RefundedMinor, goods, got.Status, status)
		}
		if got.ShippingMinor > 0 { // the rest, and the refunds add up to the charge
			testkit.Must(s.Refund(context.Background(), order.RefundInput{Command: by(o)}))(rt)
		}
		if got = s.get(t, o); got.Payment.RefundedMinor != got.TotalMinor {
			rt.Fatalf("%d refunded of %d", got.Payment.RefundedMinor, got.TotalMinor)
		}
		if faults := shoptest.Unsound(t, s.db); len(faults) > 0 {
			rt.Fatal(faults)
		}
	})
	if got := fmt.Sprint(list[string](t, s, `SELECT sku || ' ' || sum(on_hand) || ' ' || sum(reserved + allocated) FROM stock GROUP BY sku ORDER BY sku`)); got != "[A 10000 0 B 10000 0 C 10000 0]" {
		t.Errorf("everything came back, and the stock is %s", got)
	}
}
