package stripe

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	stripego "github.com/stripe/stripe-go/v85"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/payment"
)

func TestAmounts(t *testing.T) {
	tests := []struct {
		name   string
		amount money.Amount
		want   int64
		code   string // of the refusal; "" if it is taken
	}{
		{"two decimals", money.New(1250, "EUR"), 1250, ""},
		{"none", money.New(500, "JPY"), 500, ""},
		{"three, the last 0", money.New(5120, "KWD"), 5120, ""},
		{"three, the last not 0", money.New(5124, "KWD"), 0, codeAmount},
		{"none in ISO 4217, two at Stripe", money.New(5, "ISK"), 500, ""},
		{"the same, whatever the other list says", money.New(5, "UGX"), 500, ""},
		{"two in ISO 4217, none at Stripe", money.New(500, "MGA"), 5, ""},
		{"a fraction of that", money.New(501, "MGA"), 0, codeAmount},
		{"without decimals in payouts only", money.New(1045, "HUF"), 1045, ""},
		{"likewise", money.New(80045, "TWD"), 80045, ""},
		{"not one of Stripe's", money.New(100, "IRR"), 0, codeCurrency},
		{"three decimals, and not one of Stripe's", money.New(1000, "IQD"), 0, codeCurrency},
		{"too much", money.New(math.MaxInt64, "ISK"), 0, codeAmount},
		{"no currency", money.New(100, ""), 0, codeCurrency},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := toStripe(tt.amount)
			var rejected *payment.RejectedError
			if errors.As(err, &rejected) != (tt.code != "") || err != nil && rejected.Code != tt.code {
				t.Fatalf("toStripe(%s): %v, want %q", tt.amount, err, tt.code)
			}
			if got != tt.want {
				t.Errorf("toStripe(%s) = %d, want %d", tt.amount, got, tt.want)
			}
		})
	}
}

func TestFromStripe_Odd(t *testing.T) {
	for currency, n := range map[stripego.Currency]int64{"isk": 550, "ugx": 1, "mga": math.MaxInt64, "irr": 100, "": 100, "euro": 1} {
		if amount, err := fromStripe(n, currency); err == nil {
			t.Errorf("fromStripe(%d, %q) = %s", n, currency, amount)
		}
	}
}

// value is an amount of units that have so many decimals.
func value(n int64, decimals int) *big.Rat {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	return new(big.Rat).SetFrac(big.NewInt(n), scale)
}

// An amount is either refused, or worth the same there, and the same again when it comes back.
func TestAmounts_ThereAndBack(t *testing.T) {
	var codes []money.Currency
	for code := range units {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	rapid.Check(t, func(t *rapid.T) {
		amount := money.New(rapid.Int64().Draw(t, "minor"), rapid.SampledFrom(codes).Draw(t, "currency"))
		n, err := toStripe(amount)
		if err != nil {
			if u := units[amount.Currency]; u == (unit{2, 1}) && amount.Currency.Exponent() == 2 {
				t.Fatalf("%s was refused: %v", amount, err)
			}
			return
		}
		if value(n, units[amount.Currency].exponent).Cmp(value(amount.Minor, amount.Currency.Exponent())) != 0 {
			t.Fatalf("%s became %d", amount, n)
		}
		back, err := fromStripe(n, stripego.Currency(currencyOf(amount)))
		if err != nil || back != amount {
			t.Fatalf("%s became %d and then %s, %v", amount, n, back, err)
		}
	})
}

// Each code is listed once and is one that the shop knows.
func TestUnits(t *testing.T) {
	codes := strings.Fields(strings.Join([]string{withoutDecimals, onceWithDecimals, threeDecimals, twoDecimals}, " "))
	if len(codes) != len(units) {
		t.Errorf("%d codes of %d currencies", len(codes), len(units))
	}
	for _, code := range codes {
		if _, err := money.ParseCurrency(code); err != nil {
			t.Error(err)
		}
	}
}
