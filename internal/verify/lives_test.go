package verify_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
	"meridian/regions"
)

// TestRun_RandomLives leads orders through lives that nobody planned, allowed or not, and
// audits the shop afterwards.
func TestRun_RandomLives(t *testing.T) {
	s := newShop(t)
	testkit.NoError(t, s.inventory.ReceiveMany(t.Context(), plenty()))
	rapid.Check(t, func(rt *rapid.T) {
		o := s.place(t, rapid.Bool().Draw(rt, "customer"))
		// The way that orders usually go, some of it; then anything.
		for _, step := range usualWay[:rapid.IntRange(0, len(usualWay)).Draw(rt, "usual way")] {
			testkit.NoError(rt, s.live(t, rt, o, step))
		}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			if err := s.live(t, rt, o, rapid.IntRange(0, 9).Draw(rt, "step")); err != nil && !refused(err) {
				rt.Fatal(err)
			}
		}
		report := s.audit(t, verify.Options{Checks: lifeChecks})
		if names := failing(t, report); len(names) > 0 {
			rt.Fatalf("after that %v fail", names)
		}
	})
	if names := failing(t, s.audit(t, verify.Options{})); len(names) > 0 {
		t.Errorf("in the end %v fail", names)
	}
	for _, status := range []order.Status{order.Shipped, order.Delivered, order.Refunded, order.Cancelled} {
		if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM orders WHERE status = '`+string(status)+`'`); n < 4 {
			t.Errorf("only %d orders came to be %s: the lives are too tame", n, status)
		}
	}
}

// lifeChecks are those that an order's life can break.
var lifeChecks = []string{
	"stock_promises", "pending_orders_hold", "paid_orders_allocated", "sent_orders_shipped", "ended_orders_hold_nothing",
	"paid_orders_captured", "cancelled_orders_refunded", "refunded_sum", "refunded_lines", "order_transitions",
}

// usualWay is paying, packing, shipping and delivering, as live counts them.
var usualWay = []int{2, 4, 5, 6}

// live does one thing to an order.
func (s *shop) live(t *testing.T, rt *rapid.T, o order.Order, step int) (err error) {
	ctx := t.Context()
	command := order.Command{Order: o.Ref, Actor: "system", Reason: "test"}
	switch step {
	case 0:
		_, err = s.orders.Cancel(ctx, order.CancelInput{Command: command, ByOperator: rapid.Bool().Draw(rt, "by operator")})
	case 1:
		s.settle(t, o, payment.StatusFailed)
	case 2, 3:
		s.settle(t, o, payment.StatusSucceeded)
	case 4:
		_, err = s.orders.Pack(ctx, command)
	case 5:
		_, err = s.orders.Ship(ctx, order.ShipInput{Command: command})
	case 6:
		_, err = s.orders.Deliver(ctx, command)
	default:
		in := order.RefundInput{Command: command, Restock: rapid.Bool().Draw(rt, "restock")}
		switch rapid.IntRange(0, 4).Draw(rt, "what") { // 0: all that is left
		case 1:
			in.AmountMinor = rapid.Int64Range(1, o.TotalMinor).Draw(rt, "amount")
		case 2:
			in.AmountMinor = o.TotalMinor
		case 3, 4:
			for _, line := range o.Lines {
				if units := rapid.Int64Range(0, line.Quantity).Draw(rt, "units"); units > 0 {
					in.Lines = append(in.Lines, order.RefundUnits{LineNo: line.LineNo, Quantity: units})
				}
			}
		}
		_, err = s.orders.Refund(ctx, in)
	}
	return err
}

// refused reports whether an error is the shop's refusal of what is not allowed.
func refused(err error) bool {
	var state *order.StateError
	var large *order.RefundTooLargeError
	return errors.As(err, &state) || errors.As(err, &large)
}

// TestRun_RefundThatFailed sends a refund that failed once more.
func TestRun_RefundThatFailed(t *testing.T) {
	s := newShop(t)
	refund := regions.Ref{Region: "eu-west", ID: databasetest.One[uuid.UUID](t, s.db,
		`SELECT id FROM refunds WHERE region = 'eu-west' ORDER BY id LIMIT 1`)}
	databasetest.Exec(t, s.db, `
WITH failed AS (
  UPDATE refunds SET status = 'failed'
  WHERE region = $1 AND id = $2
  RETURNING region, payment_id, amount_minor
)
UPDATE payments p SET refunded_minor = p.refunded_minor - f.amount_minor
FROM failed f
WHERE p.region = f.region AND p.id = f.payment_id`, refund.Region, refund.ID)
	report := s.audit(t, verify.Options{})
	if names := failing(t, report); len(names) != 1 || names[0] != "refunds_failed" || !report.Clean {
		t.Errorf("a refund that failed fails %v", names)
	}
	testkit.Must(s.orders.RetryRefund(t.Context(), order.RetryRefundInput{Refund: refund, Actor: "system"}))(t)
	if names := failing(t, s.audit(t, verify.Options{})); len(names) > 0 {
		t.Errorf("once it is sent again %v fail", names)
	}
}
