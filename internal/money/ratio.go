package money

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
)

// Ratio is an exact fraction above zero by which amounts are multiplied: a product of rates and multipliers that is
// rounded only when it is applied (Rounding.Apply). NewRatio makes one; the zero value is not valid.
type Ratio struct{ num, den uint64 }

// One is the ratio that leaves amounts unchanged.
var One = Ratio{num: 1, den: 1}

// NewRatio returns the product of over divided by the product of under, reduced. All factors must be above zero. It
// fails with ErrOverflow if the reduced fraction does not fit in two 64-bit numbers, which takes factors of more than
// about eight digits each.
func NewRatio(over, under []Decimal) (Ratio, error) {
	r := big.NewRat(1, 1)
	for i, d := range slices.Concat(over, under) {
		switch {
		case d.Sign() <= 0:
			return Ratio{}, fmt.Errorf("ratio: the factor %s is not above zero", d)
		case i < len(over):
			r.Mul(r, d.Rat())
		default:
			r.Quo(r, d.Rat())
		}
	}
	if !r.Num().IsUint64() || !r.Denom().IsUint64() {
		return Ratio{}, ErrOverflow
	}
	return Ratio{num: r.Num().Uint64(), den: r.Denom().Uint64()}, nil
}

// Conversion returns the ratio that converts minor units of one currency to those of another and applies a
// multiplier. The rates are units of each currency for one unit of a common third.
func Conversion(from Currency, fromRate Decimal, to Currency, toRate, multiplier Decimal) (Ratio, error) {
	return NewRatio(
		[]Decimal{toRate, multiplier, NewDecimal(pow10(to.Exponent()), 0)},
		[]Decimal{fromRate, NewDecimal(pow10(from.Exponent()), 0)})
}

// pow10 returns 10^exponent.
func pow10(exponent int) int64 {
	power := int64(1)
	for range exponent {
		power *= 10
	}
	return power
}

// Mode says which of two equally near numbers a rounding chooses.
type Mode string

// The modes of rounding.
const (
	HalfEven Mode = "half_even" // the even one: no drift over many sums
	HalfUp   Mode = "half_up"   // the greater one: what people expect of a price tag
)

// Rounding is a rule for price tags: it rounds to the nearest amount that is Ending more than a multiple of Modulus,
// in minor units.
//
//	to the minor unit           Modulus 1
//	cash, as CHF 0.05           Modulus 5
//	psychological, as EUR n.99  Modulus 100, Ending 99
//	psychological, as JPY n900  Modulus 1000, Ending 900
type Rounding struct {
	Name    string
	Modulus int64 // 1 or more
	Ending  int64 // 0 to Modulus - 1
	Mode    Mode
}

// Exact rounds to the minor unit, half to even.
var Exact = Rounding{Name: "exact", Modulus: 1, Mode: HalfEven}

// Valid returns an error that says what is wrong with the rule, or nil.
func (r Rounding) Valid() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("name: is needed, such as ending-99")
	case r.Modulus < 1 || r.Modulus > 1_000_000_000:
		return fmt.Errorf("modulus_minor: must be 1 to 1000000000, not %d", r.Modulus)
	case r.Ending < 0 || r.Ending >= r.Modulus:
		return fmt.Errorf("ending_minor: must be 0 to %d, less than modulus_minor", r.Modulus-1)
	case r.Mode != HalfEven && r.Mode != HalfUp:
		return fmt.Errorf("mode: must be %s or %s, not %q", HalfEven, HalfUp, r.Mode)
	}
	return nil
}

// Apply returns minor × ratio, rounded once by the rule. Zero stays zero; anything else is at least the smallest
// amount above zero that the rule allows. minor must not be negative. It fails with ErrOverflow.
func (r Rounding) Apply(ratio Ratio, minor int64) (int64, error) {
	if minor == 0 {
		return 0, nil
	}
	amount, err := r.Convert(ratio, minor)
	if err == nil && amount == 0 {
		return r.Modulus, nil
	}
	return amount, err
}

// Convert is Apply for amounts that are not price tags: a result of less than half the smallest amount is zero.
func (r Rounding) Convert(ratio Ratio, minor int64) (int64, error) {
	if minor < 0 || ratio.den == 0 {
		return 0, fmt.Errorf("convert %d: %w", minor, ErrOverflow)
	}
	steps, err := r.steps(ratio, uint64(minor))
	if err != nil {
		return 0, err
	}
	rounded, err := Times(steps, r.Modulus)
	if err != nil || rounded > 1<<62 {
		return 0, ErrOverflow
	}
	return rounded + r.Ending, nil
}

// steps returns the integer nearest to (minor × num / den - ending) / modulus, at least 0.
func (r Rounding) steps(ratio Ratio, minor uint64) (int64, error) {
	hi, lo := bits.Mul64(minor, ratio.num)
	endHi, endLo := bits.Mul64(uint64(r.Ending), ratio.den)
	lo, borrow := bits.Sub64(lo, endLo, 0)
	hi, borrow = bits.Sub64(hi, endHi, borrow)
	if borrow != 0 { // less than the ending
		return 0, nil
	}
	divisorHi, divisor := bits.Mul64(ratio.den, uint64(r.Modulus))
	if divisorHi != 0 || hi >= divisor {
		return r.bigSteps(ratio, minor)
	}
	quotient, remainder := bits.Div64(hi, lo, divisor)
	rest := divisor - remainder
	if remainder > rest || (remainder == rest && (r.Mode == HalfUp || quotient%2 == 1)) {
		quotient++
	}
	if quotient > 1<<62 {
		return 0, ErrOverflow
	}
	return int64(quotient), nil
}

// bigSteps computes steps where the divisor does not fit in 64 bits.
func (r Rounding) bigSteps(ratio Ratio, minor uint64) (int64, error) {
	divisor := new(big.Int).Mul(new(big.Int).SetUint64(ratio.den), big.NewInt(r.Modulus))
	amount := new(big.Int).Mul(new(big.Int).SetUint64(minor), new(big.Int).SetUint64(ratio.num))
	amount.Sub(amount, new(big.Int).Mul(big.NewInt(r.Ending), new(big.Int).SetUint64(ratio.den)))
	quotient, remainder := new(big.Int).QuoRem(amount, divisor, new(big.Int))
	half := remainder.Lsh(remainder, 1).Cmp(divisor)
	if half > 0 || (half == 0 && (r.Mode == HalfUp || quotient.Bit(0) == 1)) {
		quotient.Add(quotient, big.NewInt(1))
	}
	if !quotient.IsInt64() || quotient.Int64() > 1<<62 {
		return 0, ErrOverflow
	}
	return quotient.Int64(), nil
}
