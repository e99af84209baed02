package main

import (
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/testkit"
)

func TestParsePence(t *testing.T) {
	tests := map[string]int64{"2.55": 255, "0.04": 4, "195.00": 19500, "1.005": 101, "1.004": 100, "3": 300}
	for text, want := range tests {
		got, err := parsePence(text)
		if err != nil || got != want {
			t.Errorf("parsePence(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "free", "0.00", "-1.00"} {
		if got, err := parsePence(text); err == nil {
			t.Errorf("parsePence(%q) = %d, want an error", text, got)
		}
	}
}

// TestPrices: worked by hand from the rates of 2026-04-13; 2.55 / 0.87058 = 2.929082… euros.
func TestPrices(t *testing.T) {
	rates := testkit.Must(readFX())(t)
	want := map[string]int64{
		"GBP": 255, "EUR": 293, "USD": 342, "CAD": 474, "AUD": 487,
		"SGD": 437, "JPY": 547, "CHF": 271, "MXN": 5952,
	}
	if diff := cmp.Diff(want, rates.prices(255)); diff != "" {
		t.Error(diff)
	}
}

func TestRoundHalfEven(t *testing.T) {
	tests := []struct{ halves, want int64 }{{0, 0}, {1, 0}, {2, 1}, {3, 2}, {5, 2}, {7, 4}}
	for _, test := range tests {
		if got := roundHalfEven(big.NewRat(test.halves, 2)); got != test.want {
			t.Errorf("%d/2 rounds to %d, want %d", test.halves, got, test.want)
		}
	}
}

// TestPrices_WithinHalfAUnit: a price is never further from the exact amount than half a
// minor unit of its currency.
func TestPrices_WithinHalfAUnit(t *testing.T) {
	rates := testkit.Must(readFX())(t)
	half := big.NewRat(1, 2)
	rapid.Check(t, func(t *rapid.T) {
		pence := rapid.Int64Range(1, 100_000_000).Draw(t, "pence")
		for code, minor := range rates.prices(pence) {
			currency := money.Currency(code)
			exact := new(big.Rat).Quo(big.NewRat(pence, 100), rates[listCurrency])
			exact.Mul(exact, rates[currency]).Mul(exact, new(big.Rat).SetInt64(pow10(currency.Exponent())))
			if off := exact.Sub(exact, new(big.Rat).SetInt64(minor)); off.Abs(off).Cmp(half) > 0 {
				t.Fatalf("%d pence are %d %s: off by %s", pence, minor, code, off.FloatString(3))
			}
		}
	})
}

func TestDemonstrationPence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		barcode := rapid.StringMatching(`[0-9]{8,13}`).Draw(t, "barcode")
		pence := demonstrationPence(barcode)
		if pence < 79 || pence > 999 || pence%10 != 9 || pence != demonstrationPence(barcode) {
			t.Fatalf("%s costs %d pence", barcode, pence)
		}
	})
}
