package payment_test

import (
	"math"
	"strings"
	"testing"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit/paymenttest"
)

func TestStartInputValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*payment.StartInput)
		faults []string // none if it is valid
	}{
		{"valid", func(*payment.StartInput) {}, nil},
		{"no return url", func(in *payment.StartInput) { in.ReturnURL = "" }, nil},
		{"all empty", func(in *payment.StartInput) { *in = payment.StartInput{} },
			[]string{"payment id", "order id", "method", "amount", "0 lines"}},
		{"amount of nothing", func(in *payment.StartInput) { in.Amount.Minor = 0 }, []string{"amount is 0", "lines sum to 1250"}},
		{"one unit less", func(in *payment.StartInput) { in.Amount.Minor-- }, []string{"lines sum to 1250, the amount is 1249"}},
		{"line of another currency", func(in *payment.StartInput) { in.Lines[1].Total.Currency = "GBP" }, []string{"line 1: "}},
		{"line of none", func(in *payment.StartInput) { in.Lines[2].Quantity = 0 }, []string{"line 2: quantity is 0"}},
		{"overflow that would come out right", func(in *payment.StartInput) {
			in.Lines[0].Total.Minor, in.Lines[1].Total.Minor = math.MaxInt64, math.MaxInt64
			in.Lines[2].Total.Minor = in.Amount.Minor - 500 + 2
		}, []string{"line 1: "}},
		{"too many lines", func(in *payment.StartInput) {
			in.Lines = make([]payment.Line, payment.MaxLines+1)
			for i := range in.Lines {
				in.Lines[i] = payment.Line{Quantity: 1, Total: money.Amount{Minor: 1, Currency: "EUR"}}
			}
			in.Amount.Minor = payment.MaxLines + 1
		}, []string{"501 lines"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := paymenttest.Input("EUR", "card_success")
			tt.change(&in)
			err := in.Validate()
			if (err != nil) != (len(tt.faults) > 0) {
				t.Fatalf("error %v", err)
			}
			for _, fault := range tt.faults {
				if !strings.Contains(err.Error(), fault) {
					t.Errorf("error %q does not tell of %q", err, fault)
				}
			}
		})
	}
}
