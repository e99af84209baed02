package payment_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestCompare holds what counts as a difference between the two books of a payment of 1000 cents.
func TestCompare(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	ref := regions.Ref{Region: "eu-west", ID: uuid.New()}
	own := regions.Ref{Region: "eu-west", ID: uuid.New()}
	ownID := set.FormatID(regions.RefundPrefix, own)
	euro := func(minor int64) money.Amount { return money.New(minor, "EUR") }
	book := func(captured int64) *payment.Payment {
		return &payment.Payment{Ref: ref, Currency: "EUR", AmountMinor: 1000, CapturedMinor: captured}
	}
	row := func(state payment.RefundStatus, minor int64, providerRef string) payment.Refund {
		return payment.Refund{Ref: own, PaymentID: ref.ID, State: state, AmountMinor: minor, Currency: "EUR", ProviderRef: providerRef}
	}
	there := func(row payment.Refund) payment.Refund { row.MadeAtProvider = true; return row }
	took := func(minor int64, refunds ...payment.BookedRefund) payment.Said {
		status := payment.StatusSucceeded
		if minor == 0 {
			status = payment.StatusFailed
		}
		return payment.Said{Outcome: payment.Outcome{Status: status, Amount: euro(1000), CapturedMinor: minor}, Refunds: refunds}
	}
	gave := func(minor int64, status payment.RefundStatus, id string) payment.BookedRefund {
		return payment.BookedRefund{RefundID: id, Outcome: payment.RefundOutcome{Status: status, ProviderRef: "re_1", Amount: euro(minor)}}
	}
	const pending, succeeded, failed = payment.RefundPending, payment.RefundSucceeded, payment.RefundFailed
	dollars := took(1000)
	dollars.Outcome.Amount.Currency = "USD"
	tests := []struct {
		name    string
		book    *payment.Payment
		refunds []payment.Refund
		said    payment.Said
		want    string // kind, the provider's amount, the shop's
	}{
		{"equal", book(1000), nil, took(1000), ""},
		{"declined in both", book(0), nil, took(0), ""},
		{"unknown there, not paid here", book(0), nil, payment.Said{}, ""},
		{"unknown here", nil, nil, took(1000), "payment_unknown 1000 0"},
		{"unknown here, declined", nil, nil, took(0), ""},
		{"unknown here, part of it went back", nil, nil, took(1000, gave(400, succeeded, "")), "payment_unknown 600 0"},
		{"unknown here, all of it went back", nil, nil, took(1000, gave(1000, pending, "")), ""},
		{"unknown here, its refund failed", nil, nil, took(1000, gave(1000, failed, "")), "payment_unknown 1000 0"},
		{"unknown there", book(1000), nil, payment.Said{}, "payment_missing 0 1000"},
		{"declined there", book(1000), nil, took(0), "payment_missing 0 1000"},
		{"taken there alone", book(0), nil, took(1000), "capture_differs 1000 0"},
		{"another amount taken there alone", book(0), nil, took(999), "capture_differs 999 0"},
		{"another amount, all of it went back", book(0), nil, took(999, gave(999, succeeded, "")), ""},
		{"another amount", book(1000), nil, took(999), "capture_differs 999 1000"},
		{"another currency", book(1000), nil, dollars, "capture_differs 1000 1000"},

		{"refund equal", book(1000), []payment.Refund{row(succeeded, 300, "re_1")}, took(1000, gave(300, succeeded, ownID)), ""},
		{"refund known by our id", book(1000), []payment.Refund{row(pending, 300, "")}, took(1000, gave(300, succeeded, ownID)), ""},
		{"refund known by its name", book(1000), []payment.Refund{there(row(pending, 300, "re_1"))}, took(1000, gave(300, succeeded, "")), ""},
		{"refund not sent yet", book(1000), []payment.Refund{row(pending, 300, "")}, took(1000), ""},
		{"refund failed there, its worker will hear", book(1000), []payment.Refund{row(pending, 300, "")},
			took(1000, gave(300, failed, ownID)), ""},
		{"refund rejected", book(1000), []payment.Refund{row(failed, 300, "")}, took(1000), ""},
		{"refund made there", book(1000), nil, took(1000, gave(300, pending, "")), "refund_unknown 300 0"},
		{"refund made there, failed", book(1000), nil, took(1000, gave(300, failed, "")), ""},
		{"refund under our id, which is another's", book(1000), []payment.Refund{row(succeeded, 300, "re_0")},
			took(1000, gave(300, succeeded, ownID)), "refund_unknown 300 0, refund_missing 0 300"},
		{"refund of ours that is lost here", book(1000), nil, took(1000, gave(300, succeeded, ownID)), "refund_unknown 300 0"},
		{"refund missing there", book(1000), []payment.Refund{row(succeeded, 300, "re_1")}, took(1000), "refund_missing 0 300"},
		{"refund made there, gone there", book(1000), []payment.Refund{there(row(pending, 300, "re_1"))}, took(1000), "refund_missing 0 300"},
		{"refund failed there", book(1000), []payment.Refund{row(succeeded, 300, "re_1")}, took(1000, gave(300, failed, ownID)),
			"refund_differs 0 300"},
		{"refund made there, failed there", book(1000), []payment.Refund{there(row(pending, 300, "re_1"))}, took(1000, gave(300, failed, "")),
			"refund_differs 0 300"},
		{"refund failed here", book(1000), []payment.Refund{row(failed, 300, "")}, took(1000, gave(300, succeeded, ownID)),
			"refund_differs 300 0"},
		{"refund replaced here", book(1000), []payment.Refund{row("replaced", 300, "re_1")}, took(1000, gave(300, failed, ownID)), ""},
		{"refund of another amount", book(1000), []payment.Refund{row(succeeded, 300, "re_1")}, took(1000, gave(301, succeeded, ownID)),
			"refund_differs 301 300"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			for i, d := range payment.Compare(set, test.book, test.refunds, test.said) {
				if i > 0 {
					got += ", "
				}
				got += string(d.Kind) + " " + itoa(d.ProviderMinor) + " " + itoa(d.BookMinor)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
