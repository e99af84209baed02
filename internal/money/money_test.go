package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParseCurrency(t *testing.T) {
	for code, exponent := range map[string]int{"EUR": 2, "JPY": 0, "KWD": 3, "GBP": 2} {
		c, err := ParseCurrency(code)
		if err != nil || c.Exponent() != exponent {
			t.Errorf("%s: exponent %d, %v; want %d", code, c.Exponent(), err, exponent)
		}
	}
	for _, code := range []string{"", "eur", "XXX", "EURO", "€"} {
		var unknown *ErrUnknownCurrency
		if _, err := ParseCurrency(code); !errors.As(err, &unknown) {
			t.Errorf("ParseCurrency(%q) = %v, want ErrUnknownCurrency", code, err)
		}
	}
}

func TestAmountString(t *testing.T) {
	tests := []struct {
		amount Amount
		want   string
	}{
		{New(1250, "EUR"), "12.50 EUR"},
		{New(5, "EUR"), "0.05 EUR"},
		{New(-5, "EUR"), "-0.05 EUR"},
		{New(1250, "JPY"), "1250 JPY"},
		{New(1250, "KWD"), "1.250 KWD"},
		{New(math.MinInt64, "JPY"), "-9223372036854775808 JPY"},
	}
	for _, test := range tests {
		if got := test.amount.String(); got != test.want {
			t.Errorf("String() = %q, want %q", got, test.want)
		}
	}
}

func TestArithmeticIsExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		check := func(name string, want *big.Int, got Amount, err error) {
			switch {
			case want.IsInt64() && (err != nil || got.Minor != want.Int64()):
				t.Fatalf("%s(%d, %d) = %v, %v; want %v", name, a, b, got, err, want)
			case !want.IsInt64() && !errors.Is(err, ErrOverflow):
				t.Fatalf("%s(%d, %d) = %v, %v; want overflow", name, a, b, got, err)
			}
		}
		x, y := big.NewInt(a), big.NewInt(b)
		sum, err := New(a, "EUR").Add(New(b, "EUR"))
		check("add", new(big.Int).Add(x, y), sum, err)
		if b != math.MinInt64 {
			difference, err := New(a, "EUR").Sub(New(b, "EUR"))
			check("sub", new(big.Int).Sub(x, y), difference, err)
		}
		product, err := New(a, "EUR").Mul(b)
		check("mul", new(big.Int).Mul(x, y), product, err)
	})
}

func TestCurrenciesDoNotMix(t *testing.T) {
	if _, err := New(1, "EUR").Add(New(1, "USD")); !errors.Is(err, ErrCurrencyMismatch) {
		t.Errorf("add = %v, want ErrCurrencyMismatch", err)
	}
	if _, err := New(1, "EUR").Sub(New(1, "USD")); !errors.Is(err, ErrCurrencyMismatch) {
		t.Errorf("sub = %v, want ErrCurrencyMismatch", err)
	}
}

func TestAllocateLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minor := rapid.Int64().Draw(t, "minor")
		weights := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64/32), 1, 20).Draw(t, "weights")
		parts, err := New(minor, "EUR").Allocate(weights)
		if err != nil {
			for _, w := range weights {
				if w != 0 {
					t.Fatalf("allocate %d over %v: %v", minor, weights, err)
				}
			}
			return
		}
		total := new(big.Int)
		for i, part := range parts {
			total.Add(total, big.NewInt(part.Minor))
			if weights[i] == 0 && part.Minor != 0 {
				t.Fatalf("part %d got %d for no weight", i, part.Minor)
			}
		}
		if total.Cmp(big.NewInt(minor)) != 0 {
			t.Fatalf("parts of %d over %v add up to %v", minor, weights, total)
		}
	})
}

func TestAllocateRefuses(t *testing.T) {
	for _, weights := range [][]int64{nil, {0, 0}, {1, -1}} {
		if parts, err := New(10, "EUR").Allocate(weights); err == nil {
			t.Errorf("allocate over %v = %v, want an error", weights, parts)
		}
	}
}

func TestTaxRounding(t *testing.T) {
	tests := []struct {
		name   string
		rate   BasisPoints
		minor  int64
		of     int64
		within int64
	}{
		{"nothing", 2000, 0, 0, 0},
		{"no tax", 0, 999, 0, 0},
		{"20 % of 12.00", 2000, 1200, 240, 200},
		{"half goes to even, down", 5000, 5, 2, 2},
		{"half goes to even, up", 5000, 7, 4, 2},
		{"largest", 10_000, math.MaxInt64, math.MaxInt64, math.MaxInt64/2 + 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := test.rate.Of(test.minor); err != nil || got != test.of {
				t.Errorf("Of = %d, %v; want %d", got, err, test.of)
			}
			if got, err := test.rate.Within(test.minor); err != nil || got != test.within {
				t.Errorf("Within = %d, %v; want %d", got, err, test.within)
			}
		})
	}
}
