package money

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "1": "1", "1.50": "1.5", "0.0001": "0.0001", "-2.5": "-2.5", "15391.26": "15391.26",
		"007": "7", "1.0000000000": "1", "100": "100", "999999999999999999": "999999999999999999",
	} {
		d, err := ParseDecimal(text)
		if err != nil || d.String() != want {
			t.Errorf("ParseDecimal(%q) = %s, %v; want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "+1", "1e3", "1,5", " 1", "1.12345678901", "1234567890123456789", "NaN", "٣"} {
		if d, err := ParseDecimal(text); err == nil {
			t.Errorf("ParseDecimal(%q) = %s", text, d)
		}
	}
}

func decimals(t *rapid.T, name string) Decimal {
	return NewDecimal(rapid.Int64Range(1, 99_999_999).Draw(t, name), rapid.IntRange(0, 6).Draw(t, name+" decimals"))
}

func TestDecimal_IsItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := decimals(t, "d")
		again, err := ParseDecimal(d.String())
		if err != nil || again != d {
			t.Fatalf("%s was read as %s, %v", d, again, err)
		}
	})
}

// nearest is the amount that a rule takes, by trying those around.
func nearest(r Rounding, exact *big.Rat) *big.Int {
	floor := new(big.Int).Quo(exact.Num(), exact.Denom()) // exact is above zero
	k := new(big.Int).Sub(floor, big.NewInt(r.Ending))
	k.Div(k, big.NewInt(r.Modulus))
	var best *big.Int
	var distance *big.Rat
	for step := int64(-1); step <= 2; step++ {
		steps := new(big.Int).Add(k, big.NewInt(step))
		if steps.Sign() < 0 {
			continue
		}
		candidate := new(big.Int).Mul(steps, big.NewInt(r.Modulus))
		candidate.Add(candidate, big.NewInt(r.Ending))
		d := new(big.Rat).Sub(exact, new(big.Rat).SetInt(candidate))
		d.Abs(d)
		nearer := best == nil || d.Cmp(distance) < 0
		tie := best != nil && d.Cmp(distance) == 0 && (r.Mode == HalfUp || steps.Bit(0) == 0)
		if nearer || tie {
			best, distance = candidate, d
		}
	}
	return best
}

func TestRounding_TakesTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := Rounding{Name: "r", Modulus: rapid.SampledFrom([]int64{1, 5, 10, 100, 1000, 1_000_000_000}).Draw(t, "modulus"),
			Mode: rapid.SampledFrom([]Mode{HalfEven, HalfUp}).Draw(t, "mode")}
		rule.Ending = rapid.Int64Range(0, rule.Modulus-1).Draw(t, "ending")
		over, under := decimals(t, "over"), decimals(t, "under")
		ratio := testkit.Must(NewRatio([]Decimal{over}, []Decimal{under}))(t)
		minor := rapid.Int64Range(1, 1<<40).Draw(t, "minor")
		exact := new(big.Rat).Quo(over.Rat(), under.Rat())
		exact.Mul(exact, new(big.Rat).SetInt64(minor))
		want := nearest(rule, exact)
		got, err := rule.Convert(ratio, minor)
		switch {
		case want.IsInt64() && want.Int64() < 1<<61 && (err != nil || got != want.Int64()):
			t.Fatalf("%v of %d × %s = %d, %v; want %v", rule, minor, exact, got, err, want)
		case !want.IsInt64() && !errors.Is(err, ErrOverflow):
			t.Fatalf("%v of %d × %s = %d, %v; want overflow", rule, minor, exact, got, err)
		}
		tag, err := rule.Apply(ratio, minor)
		if err == nil && tag <= 0 {
			t.Fatalf("what costs something became free: %v of %d × %s", rule, minor, exact)
		}
	})
}

func TestRounding_Tags(t *testing.T) {
	chf, euros, yen := Rounding{"cash-5", 5, 0, HalfUp}, Rounding{"ending-99", 100, 99, HalfUp}, Rounding{"ending-900", 1000, 900, HalfUp}
	tests := []struct {
		rule        Rounding
		minor, want int64
	}{
		{chf, 1, 5}, {chf, 1232, 1230}, {chf, 1233, 1235}, {chf, 0, 0},
		{euros, 1, 99}, {euros, 1149, 1199}, {euros, 1148, 1099}, {euros, 100, 99},
		{yen, 10, 900}, {yen, 1399, 900}, {yen, 1400, 1900}, {yen, 1500, 1900},
		{Exact, 7, 7},
	}
	for _, test := range tests {
		if got, err := test.rule.Apply(One, test.minor); err != nil || got != test.want {
			t.Errorf("%s of %d = %d, %v; want %d", test.rule.Name, test.minor, got, err, test.want)
		}
	}
}

func TestConversion_RoundTripStaysWithinHalfAUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currencies := rapid.SampledFrom([]Currency{"EUR", "JPY", "KWD", "GBP"})
		a, b := currencies.Draw(t, "a"), currencies.Draw(t, "b")
		rateA, rateB := decimals(t, "rate of a"), decimals(t, "rate of b")
		there := testkit.Must(Conversion(a, rateA, b, rateB, NewDecimal(1, 0)))(t)
		back := testkit.Must(Conversion(b, rateB, a, rateA, NewDecimal(1, 0)))(t)
		minor := rapid.Int64Range(0, 1_000_000).Draw(t, "minor")
		converted := testkit.Must(Exact.Convert(there, minor))(t)
		again := testkit.Must(Exact.Convert(back, converted))(t)
		// Half a unit of b, as units of a, and half a unit of a for the second rounding.
		bound := new(big.Rat).SetFrac(new(big.Int).SetUint64(back.num), new(big.Int).SetUint64(back.den))
		bound.Add(bound, big.NewRat(1, 1))
		bound.Quo(bound, big.NewRat(2, 1))
		if off := new(big.Rat).SetInt64(again - minor); off.Abs(off).Cmp(bound) > 0 {
			t.Fatalf("%d %s became %d %s and %d %s again", minor, a, converted, b, again, a)
		}
	})
}
