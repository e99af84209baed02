package pricing

import (
	"fmt"
	"math/bits"

	"meridian/internal/money"
)

// whole is 100 % in thousandths of a percent.
const whole = 100_000

// BasisPoints returns the rate as it is shown, rounded half to even; 0 for none.
func (t *TaxRate) BasisPoints() money.BasisPoints {
	if t == nil {
		return 0
	}
	tens, ones := t.RateMPct/10, t.RateMPct%10
	if ones > 5 || (ones == 5 && tens%2 == 1) {
		tens++
	}
	return money.BasisPoints(tens)
}

// on returns the tax to add to the net amount minor, rounded half to even.
func (t *TaxRate) on(minor int64) (int64, error) { return t.part(minor, whole) }

// within returns the tax that the gross amount minor includes, rounded half to even.
func (t *TaxRate) within(minor int64) (int64, error) {
	if t == nil {
		return 0, nil
	}
	return t.part(minor, whole+uint64(t.RateMPct))
}

// part returns minor × rate / of for minor >= 0, rounded half to even. The product has 128 bits,
// and the quotient never exceeds minor because the rate is at most of.
func (t *TaxRate) part(minor int64, of uint64) (int64, error) {
	if t == nil {
		return 0, nil
	}
	if minor < 0 {
		return 0, fmt.Errorf("tax on the negative amount %d", minor)
	}
	hi, lo := bits.Mul64(uint64(minor), uint64(t.RateMPct))
	quotient, remainder := bits.Div64(hi, lo, of)
	if rest := of - remainder; remainder > rest || (remainder == rest && quotient%2 == 1) {
		quotient++
	}
	return int64(quotient), nil
}
