package demo

import (
	"context"
	"fmt"

	"meridian/internal/lab/client"
	"meridian/internal/money"
)

func (t *tour) refund(ctx context.Context) error {
	p := t.orders[0]
	shop := t.from(p.place)
	line := p.Lines[1] // three units
	refunded, err := shop.Refund(ctx, t.operator, client.NewKey(), p.ID, client.RefundInput{
		Lines: []client.RefundLine{{LineNo: line.LineNo, Quantity: 1}}, Reason: "damaged",
	})
	if err != nil {
		return fmt.Errorf("refund one unit: %w", err)
	}
	orders, err := t.await(ctx, []purchase{p}, func(_ int, o client.Order) bool { return len(o.Refunds) == 1 && refundsDone(o) })
	if err != nil {
		return err
	}
	o, currency := orders[0], money.Currency(p.Currency)
	want := line.TotalMinor / line.Quantity // rounded one way or the other
	t.check(len(o.Refunds) == 1 && refundsDone(o) && o.Status == "paid" &&
		o.Payment.RefundedMinor == o.Refunds[0].AmountMinor && o.Payment.RefundedMinor-want >= 0 && o.Payment.RefundedMinor-want <= 1,
		fmt.Sprintf("One of %d units at %s: %s of %s were given back; the order is %s.", line.Quantity, money.New(line.TotalMinor, currency),
			money.New(o.Payment.RefundedMinor, currency), money.New(o.Payment.CapturedMinor, currency), o.Status),
		fmt.Sprintf("%s, and the order still paid", money.New(want, currency)))
	left := refunded.Payment.CapturedMinor - refunded.Payment.RefundedMinor
	tooMuch := left + 1
	_, err = shop.Refund(ctx, t.operator, client.NewKey(), p.ID, client.RefundInput{AmountMinor: &tooMuch, Reason: "mistake"})
	t.check(client.CodeOf(err) == "refund_too_large", fmt.Sprintf("A refund of %s, one more than is left, was refused: %s.", money.New(tooMuch, currency), client.CodeOf(err)),
		"refund_too_large")
	return nil
}
