package chaos

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
)

// books are three that agree: one SKU of which two units were received, one order of one unit, paid, and one cancelled.
type books struct {
	told     told
	held     audit.Book
	provider []sandbox.Held
}

func agreeing() *books {
	b := &books{
		told: told{received: map[string]int64{"A": 2}, notes: make(map[string]int)}, held: audit.Book{Orders: make(map[string]*audit.Order)},
	}
	b.held.Stock = []audit.Stock{{SKU: "A", Received: 2}}
	for _, o := range []audit.Order{{ID: "ord_1", Status: "paid", CapturedMinor: 100}, {ID: "ord_2", Status: "cancelled"}} {
		lines := []client.Line{{SKU: "A", Quantity: 1}}
		o.Cart, o.PaymentID, o.Currency, o.TotalMinor = "crt"+o.ID, "pay"+o.ID, "EUR", 100
		o.Lines = []audit.Line{{SKU: "A", Quantity: 1}}
		o.Refunds = make(map[string]int64)
		b.held.Orders[o.ID] = &o
		p := &shopper.Purchase{Lines: lines, Cart: client.Cart{ID: o.Cart}}
		p.Told(client.Order{ID: o.ID, Status: o.Status, Currency: "EUR", TotalMinor: 100})
		b.told.purchases = append(b.told.purchases, p)
	}
	b.provider = []sandbox.Held{
		{ID: "payord_1", OrderID: "ord_1", Status: payment.StatusSucceeded, Amount: money.New(100, "EUR"), CapturedMinor: 100},
		{ID: "payord_2", OrderID: "ord_2", Status: payment.StatusCancelled, Amount: money.New(100, "EUR")},
	}
	return b
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name   string
		tamper func(b *books)
		want   Verdict
		says   string
	}{
		{"they agree", func(*books) {}, Verdict{}, ""},
		{"more sold than received", func(b *books) {
			b.held.Orders["ord_2"].Status = "pending_payment"
			b.held.Stock[0].Received = 1
			b.told.received["A"] = 1
		},
			Verdict{Oversold: 1, Lost: 1}, "2 units sold, 1 received"},
		{"a row promises more than it has", func(b *books) { b.held.Stock[0].Short = 3 }, Verdict{Oversold: 3}, "short of 3"},
		{"a delivery is lost", func(b *books) { b.told.received["A"] += 5 }, Verdict{Lost: 1}, "7 units were acknowledged, 2"},
		{"an order is gone", func(b *books) { delete(b.held.Orders, "ord_2") }, Verdict{Lost: 1}, "ord_2 was acknowledged and does not exist"},
		{"a paid order is gone", func(b *books) { delete(b.held.Orders, "ord_1") }, Verdict{Lost: 1, ChargedWithoutOrder: 1}, "not there"},
		{"another total", func(b *books) { b.held.Orders["ord_2"].TotalMinor = 99 }, Verdict{Lost: 1}, "not what was acknowledged"},
		{"another line", func(b *books) { b.held.Orders["ord_2"].Lines[0].Quantity = 2 }, Verdict{Lost: 1}, "not what was acknowledged"},
		{"told paid, is cancelled", func(b *books) { b.held.Orders["ord_1"].Status = "cancelled" },
			Verdict{Lost: 1, ChargedWithoutOrder: 1}, "told to be paid and is cancelled"},
		{"told cancelled, is not", func(b *books) {
			b.held.Orders["ord_2"].Status = "pending_payment"
			b.held.Orders["ord_2"].PaymentStatus = "pending"
		}, Verdict{Lost: 1}, "told to be cancelled"},
		{"money for a cancelled order", func(b *books) { b.take(1, 100) }, Verdict{ChargedWithoutOrder: 1}, "100 EUR are kept"},
		{"the same, given back", func(b *books) {
			b.take(1, 100)
			b.provider[1].Refunds = []sandbox.HeldRefund{{ID: "r", Status: payment.RefundSucceeded, Minor: 100}}
			b.held.Orders["ord_2"].Refunds["r"] = 100
		}, Verdict{}, ""},
		{"given back in vain", func(b *books) {
			b.take(1, 100)
			b.provider[1].Refunds = []sandbox.HeldRefund{{ID: "r", Status: payment.RefundFailed, Minor: 100}}
		}, Verdict{ChargedWithoutOrder: 1}, "kept for an order that is cancelled"},
		{"two captures", func(b *books) { b.provider = append(b.provider, b.provider[0]) }, Verdict{ChargedTwice: 1}, "paid 2 times"},
		{"another amount", func(b *books) { b.provider[0].CapturedMinor = 90 }, Verdict{ChargedTwice: 1}, "took 90 EUR"},
		{"two orders of a cart", func(b *books) { b.held.Orders["ord_2"].Cart = "crtord_1" },
			Verdict{ChargedTwice: 1, Lost: 1}, "became the orders"},
		{"a repeated call made another", func(b *books) { b.told.purchases[0].Told(client.Order{ID: "ord_2", Status: "cancelled"}) },
			Verdict{ChargedTwice: 1, Lost: 2}, "answered with the orders"},
		{"paid without money", func(b *books) { b.provider[0].Status, b.provider[0].CapturedMinor = payment.StatusFailed, 0 },
			Verdict{NotCharged: 1}, "has none of it"},
		{"open at the provider", func(b *books) { b.provider[1].Status = payment.StatusProcessing },
			Verdict{LeftOpen: 1}, "is processing at the provider"},
		{"a refund not promised", func(b *books) {
			b.provider[0].Refunds = []sandbox.HeldRefund{{ID: "r", Status: payment.RefundSucceeded, Minor: 10}}
		}, Verdict{RefundedWrongly: 1}, "the refunds map[r:10] were sent, map[] promised"},
		{"a refund told and forgotten", func(b *books) { b.told.purchases[0].RefundedMinor = 10 }, Verdict{RefundedWrongly: 1}, "10 were told"},
		{"refused, yet ordered", func(b *books) { b.told.purchases[1].Orders, b.told.purchases[1].Refused = nil, shopper.CodeSoldOut },
			Verdict{Contradicted: 1}, "told of no order"},
		{"a strange answer", func(b *books) { b.told.notes["checkout: not_found"]++ }, Verdict{Contradicted: 1}, "not_found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := agreeing()
			test.tamper(b)
			got := judge(b.told, b.held, b.provider)
			faults := strings.Join(got.Faults, "\n")
			if !strings.Contains(faults, test.says) || got.Clean() != (test.says == "") {
				t.Errorf("it says:\n%s\nwant %q", faults, test.says)
			}
			got.Faults = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// take has the provider hold money.
func (b *books) take(i int, minor int64) {
	b.provider[i].Status, b.provider[i].CapturedMinor = payment.StatusSucceeded, minor
}
