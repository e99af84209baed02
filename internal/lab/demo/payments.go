package demo

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
	"meridian/internal/money"
)

// trial is a payment that goes some way or other, and where it must end.
type trial struct {
	card, happens string
	status        string // with the reason after a colon, where it can only be one
	captured      bool   // all of the total, once
	refunded      bool   // all that was captured

	purchase purchase
}

// trials has a card of each kind. The late one succeeds when its order was given up long ago.
var trials = []trial{
	{card: "card_success", happens: "succeeds", status: "paid", captured: true},
	{card: "card_declined", happens: "is declined", status: "cancelled: payment_failed"},
	{card: "card_requires_action", happens: "waits for the shopper, who confirms", status: "paid", captured: true},
	// Whichever comes first gives the reason: the worker that asks the company to cancel it, or
	// the company's notice that it has.
	{card: "card_never", happens: "never answers", status: "cancelled"},
	{card: "card_duplicate:3", happens: "answers three times", status: "paid", captured: true},
	{card: "card_reordered", happens: "reports an old failure after the success", status: "paid", captured: true},
	{card: "card_early", happens: "reports before it answers", status: "paid", captured: true},
	{card: "card_error_then_success", happens: "answers 500 and takes the money", status: "paid", captured: true},
	{
		card: "card_late:" + lateAfter, happens: "succeeds too late, after " + lateAfter,
		status: "cancelled: expired", captured: true, refunded: true,
	},
}

// lateAfter is later than an order waits (payWithin), and than a worker needs to see that.
const lateAfter = "8s"

// placeTrials orders with each card, at the same time.
func (t *tour) placeTrials(ctx context.Context) error {
	t.trials = append([]trial(nil), trials...)
	group, ctx := errgroup.WithContext(ctx)
	for i := range t.trials {
		trial, at := &t.trials[i], places[i%len(places)]
		group.Go(func() (err error) {
			p := purchase{by: t.guest(at, "payments@demo.example"), place: at}
			p.Purchase, err = p.by.Buy(ctx, basket(t.goods[4+i]), trial.card)
			if err == nil && trial.card == "card_requires_action" { // what the shopper does in place of a 3-D Secure page
				err = p.by.Confirm(ctx, t.address.SandboxURL, p.Purchase)
			}
			trial.purchase = p
			if err != nil {
				return fmt.Errorf("order with %s: %w", trial.card, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// asItMust reports whether an order has ended as its trial must.
func (tr trial) asItMust(o client.Order) bool {
	var captured, refunded int64
	if tr.captured {
		captured = o.TotalMinor
	}
	if tr.refunded {
		refunded = captured
	}
	return (statusOf(o) == tr.status || o.Status == tr.status) && o.Payment.CapturedMinor == captured &&
		o.Payment.RefundedMinor == refunded && refundsDone(o)
}

func statusOf(o client.Order) string {
	if o.CancelReason != "" {
		return o.Status + ": " + o.CancelReason
	}
	return o.Status
}

// refundsDone reports whether the money of every refund has left.
func refundsDone(o client.Order) bool {
	for _, r := range o.Refunds {
		if r.Status != "succeeded" {
			return false
		}
	}
	return true
}

func (t *tour) pay(ctx context.Context) error {
	var purchases []purchase
	for _, trial := range t.trials {
		purchases = append(purchases, trial.purchase)
	}
	orders, err := t.await(ctx, purchases, func(i int, o client.Order) bool { return t.trials[i].asItMust(o) })
	if err != nil {
		return err
	}
	var rows [][]string
	var wrong []string
	twice := 0
	for i, o := range orders {
		trial := t.trials[i]
		currency := money.Currency(o.Currency)
		rows = append(rows, []string{
			trial.happens, statusOf(o), money.New(o.TotalMinor, currency).String(),
			amount(o.Payment.CapturedMinor, currency), amount(o.Payment.RefundedMinor, currency),
		})
		if !trial.asItMust(o) {
			wrong = append(wrong, trial.card)
		}
		if o.Payment.CapturedMinor > o.TotalMinor {
			twice++
		}
	}
	t.table([]string{"the payment", "the order", "total", "captured", "given back"}, rows)
	t.check(len(wrong) == 0, fmt.Sprintf("all; these did not: %v", wrong),
		"%d of %d orders ended as they must.", len(orders)-len(wrong), len(orders))
	t.check(twice == 0, "none", "Charged more than the total: %d.", twice)
	return nil
}

// amount formats money, or nothing where there is none.
func amount(minor int64, currency money.Currency) string {
	if minor == 0 {
		return "–"
	}
	return money.New(minor, currency).String()
}

func (t *tour) refund(ctx context.Context) error {
	p := t.orders[0]
	line := p.Order.Lines[1] // three units
	refunded, err := t.refundSome(ctx, p, client.RefundInput{
		Lines: []client.RefundLine{{LineNo: line.LineNo, Quantity: 1}}, Reason: "damaged",
	})
	if err != nil {
		return fmt.Errorf("refund one unit: %w", err)
	}
	orders, err := t.await(ctx, []purchase{p}, func(_ int, o client.Order) bool { return len(o.Refunds) == 1 && refundsDone(o) })
	if err != nil {
		return err
	}
	o, currency := orders[0], money.Currency(p.Order.Currency)
	want := line.TotalMinor / line.Quantity // rounded one way or the other
	asWanted := len(o.Refunds) == 1 && refundsDone(o) && o.Status == "paid" && o.Payment.RefundedMinor == o.Refunds[0].AmountMinor &&
		o.Payment.RefundedMinor-want >= 0 && o.Payment.RefundedMinor-want <= 1
	t.check(asWanted, fmt.Sprintf("%s, and the order still paid", money.New(want, currency)),
		"One of %d units at %s: %s of %s were given back; the order is %s.", line.Quantity, money.New(line.TotalMinor, currency),
		money.New(o.Payment.RefundedMinor, currency), money.New(o.Payment.CapturedMinor, currency), o.Status)
	left := refunded.Payment.CapturedMinor - refunded.Payment.RefundedMinor
	tooMuch := left + 1
	_, err = t.refundSome(ctx, p, client.RefundInput{AmountMinor: &tooMuch, Reason: "mistake"})
	t.check(client.CodeOf(err) == "refund_too_large", "refund_too_large",
		"A refund of %s, one more than is left, was refused: %s.", money.New(tooMuch, currency), client.CodeOf(err))
	return nil
}

// refundSome refunds some of an order as the operator.
func (t *tour) refundSome(ctx context.Context, p purchase, in client.RefundInput) (o client.Order, err error) {
	shop := t.from(p.place)
	err = t.operator.Do(ctx, shop, func(by client.By) (err error) {
		o, err = shop.Refund(ctx, by, "", p.Order.ID, in)
		return err
	})
	return o, err
}
