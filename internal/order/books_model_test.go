package order_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// TestBooksAgree draws what people, networks and workers may do to the money of an order: refunds by the shop and by hand,
// webhooks that come twice, late and in any order, answers that get lost, failed refunds that are tried again, and nights.
// The shop never has more given back than was captured, and in the end both books agree.
func TestBooksAgree(t *testing.T) {
	s := newTill(t)
	ctx := context.WithoutCancel(t.Context())
	rapid.Check(t, func(rt *rapid.T) {
		method := rapid.SampledFrom([]string{
			"card_success_now", "card_success", "card_success_now+card_success_refund_slow:3s", "card_success_now+card_success_refund_fails",
			"card_success_now+card_success_refund_fails_now", "card_late:2s",
		}).Draw(rt, "method")
		o := s.placed(t, method, 3)
		amount := rapid.Int64Range(1, o.TotalMinor)
		look := func() {
			p := s.get(t, o).Payment
			if p.RefundedMinor > p.CapturedMinor || p.RefundedMinor < 0 {
				rt.Fatalf("%d refunded of %d", p.RefundedMinor, p.CapturedMinor)
			}
		}
		tolerate := func(err error) {
			if err != nil && !is[*order.StateError](err) && !is[*order.RefundTooLargeError](err) && !database.Unavailable(err) &&
				!errors.Is(err, order.ErrRefundNotFound) && !errors.Is(err, payment.ErrUnavailable) {
				rt.Fatal(err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { look() },
			"the shop refunds": func(rt *rapid.T) {
				in := order.RefundInput{Command: by(o)}
				if rapid.Bool().Draw(rt, "a part") {
					in.AmountMinor = amount.Draw(rt, "minor")
				}
				_, err := s.Refund(ctx, in)
				tolerate(err)
			},
			"a person refunds there": func(rt *rapid.T) { s.byHand(t, o, amount.Draw(rt, "minor")) },
			"it is cancelled": func(*rapid.T) {
				_, err := s.Cancel(ctx, order.CancelInput{Command: by(o)})
				tolerate(err)
			},
			"a failed refund is tried again": func(*rapid.T) {
				for _, r := range s.get(t, o).Refunds {
					_, err := s.RetryRefund(ctx, order.RetryRefundInput{Refund: r.Ref, Actor: "usr_euw_test"})
					tolerate(err)
				}
			},
			"a second passes":       func(*rapid.T) { s.pass(t) },
			"answers will get lost": func(rt *rapid.T) { s.lose.Store(rapid.Int32Range(1, 3).Draw(rt, "answers")) },
			"a webhook comes": func(rt *rapid.T) {
				if n := s.waiting(); n > 0 {
					s.deliver(t, rapid.IntRange(0, n-1).Draw(rt, "webhook"), rapid.Bool().Draw(rt, "and will come again"))
				}
			},
			"a webhook is lost": func(rt *rapid.T) {
				if n := s.waiting(); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(rt, "webhook")
					s.mu.Lock()
					s.hooks = append(s.hooks[:i], s.hooks[i+1:]...)
					s.mu.Unlock()
				}
			},
			"workers work": func(*rapid.T) { s.work(t) },
		})
		s.wantAgreement(t, rt, o)
	})
	s.wantSound(t)
}

// wantAgreement lets the workers finish, with a night at the end, and compares the books.
func (s *till) wantAgreement(t *testing.T, rt *rapid.T, o order.Order) {
	ctx := context.WithoutCancel(t.Context())
	s.lose.Store(0)
	for range 8 { // as much as any of it needs
		s.pass(t)
		s.pass(t)
		s.loseAll(t)
		testkit.NoError(t, s.db.Write(ctx, func(b *database.Batch) error {
			b.Queue(`UPDATE payments SET next_check_at = '2020-01-01' WHERE status IN ('pending', 'requires_action')`)
			return nil
		}))
		testkit.Must(s.CheckPaymentsOnce(ctx))(t)
		s.work(t)
	}
	s.clock.Advance(20 * time.Minute)
	s.night(t)
	for range 4 {
		s.pass(t)
		s.work(t)
	}
	got := s.get(t, o)
	there := testkit.Must(s.client.Find(ctx, payment.Asked{PaymentID: s.PaymentID(o.Ref)}))(t)
	if got.Payment.CapturedMinor != there.CapturedMinor {
		rt.Fatalf("%d captured, %d there", got.Payment.CapturedMinor, there.CapturedMinor)
	}
	if sum := s.refundsThere(t, o); got.Payment.RefundedMinor != sum {
		rt.Fatalf("%d refunded, %d there: %+v", got.Payment.RefundedMinor, sum, got.Refunds)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM payment_checks`); n != 0 {
		rt.Fatalf("%d payments still to be compared, findings %v", n, s.findings(t))
	}
}
