package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
)

func TestReport(t *testing.T) {
	var out bytes.Buffer
	r := printer{out: &out, started: time.Now()}
	r.act(4, "A race", "Buyers check out.")
	r.check(true, "50", "50 orders")
	r.table([]string{"payment", "total"}, [][]string{{"succeeds", "9.99 EUR"}, {"läuft", "12.99 EUR"}})
	if err := r.conclude(nil, nil); err != nil {
		t.Errorf("conclude = %v", err)
	}
	want := `
4  A race
   Buyers check out.
   ✓ 50 orders
     payment    total
     succeeds    9.99 EUR
     läuft      12.99 EUR

PASSED: all 1 checks, in 0.0 s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestReport_Failed(t *testing.T) {
	var out bytes.Buffer
	r := printer{out: &out, color: true, started: time.Now()}
	r.check(true, "fine", "fine")
	r.check(false, "50 orders", "51 orders")
	if err := r.conclude(nil, nil); !errors.Is(err, ErrBroken) {
		t.Errorf("conclude = %v, want ErrBroken", err)
	}
	for _, want := range []string{"\x1b[32m✓\x1b[0m fine", "\x1b[31m✗\x1b[0m 51 orders", "expected: 50 orders", "FAILED: 1 of 2 checks"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &out)
		}
	}
	cut := errors.New("cut short")
	if err := r.conclude(cut, nil); !errors.Is(err, ErrBroken) || !errors.Is(err, cut) {
		t.Errorf("conclude = %v, want both that it broke off and that a check had failed", err)
	}
}

func TestWrap(t *testing.T) {
	got := wrap("a bb ccc dddd éé f", 6)
	if diff := cmp.Diff([]string{"a bb", "ccc", "dddd", "éé f"}, got); diff != "" {
		t.Errorf("wrap (-want +got):\n%s", diff)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 39861: "39,861", 1000001: "1,000,001"} {
		if got := report.Thousands(n); got != want {
			t.Errorf("Thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

// What a trial takes for its right end, and what not.
func TestTrial_AsItMust(t *testing.T) {
	order := func(status, reason string, captured, refunded int64) client.Order {
		o := client.Order{Status: status, CancelReason: reason, TotalMinor: 100}
		o.Payment.CapturedMinor, o.Payment.RefundedMinor = captured, refunded
		return o
	}
	late := trial{status: "cancelled: expired", captured: true, refunded: true}
	paid := trial{status: "paid", captured: true}
	for _, test := range []struct {
		name  string
		trial trial
		order client.Order
		want  bool
	}{
		{"paid", paid, order("paid", "", 100, 0), true},
		{"charged twice", paid, order("paid", "", 200, 0), false},
		{"still open", paid, order("pending_payment", "", 0, 0), false},
		{"late and given back", late, order("cancelled", "expired", 100, 100), true},
		{"late and kept", late, order("cancelled", "expired", 100, 0), false},
		{"declined instead", late, order("cancelled", "payment_failed", 100, 100), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.trial.asItMust(test.order); got != test.want {
				t.Errorf("asItMust = %t, want %t", got, test.want)
			}
		})
	}
}
