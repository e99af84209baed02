package pricing

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"meridian/internal/money"
)

// rate is a tax rate in thousandths of a percent: 6.875 % is 6875. Some places' rates are
// finer than basis points (Minnesota, Missouri, Quebec), and tax must not be.
type rate int64

// whole is 100 %.
const whole = 100_000

// parsePercent reads a decimal percentage from 0 to 100 exactly: at most three decimals.
func parsePercent(text string) (rate, error) {
	units, decimals, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(units+(decimals + "000")[:max(3, len(decimals))], 10, 32)
	if err != nil || units == "" || len(decimals) > 3 || n > whole {
		return 0, fmt.Errorf("%q is not a percentage from 0 to 100 with at most three decimals", text)
	}
	return rate(n), nil
}

// basisPoints is the rate as it is shown, rounded half to even.
func (r rate) basisPoints() money.BasisPoints {
	tens, ones := r/10, r%10
	if ones > 5 || (ones == 5 && tens%2 == 1) {
		tens++
	}
	return money.BasisPoints(tens)
}

// on is the tax to add to the net amount minor, rounded half to even.
func (r rate) on(minor int64) (int64, error) { return r.part(minor, whole) }

// within is the tax that the gross amount minor includes, rounded half to even.
func (r rate) within(minor int64) (int64, error) { return r.part(minor, whole+uint64(r)) }

// part is minor × r / of for minor >= 0, rounded half to even. The product has 128 bits,
// and the quotient never exceeds minor because r <= of.
func (r rate) part(minor int64, of uint64) (int64, error) {
	if minor < 0 {
		return 0, fmt.Errorf("tax on the negative amount %d", minor)
	}
	hi, lo := bits.Mul64(uint64(minor), uint64(r))
	quotient, remainder := bits.Div64(hi, lo, of)
	if rest := of - remainder; remainder > rest || (remainder == rest && quotient%2 == 1) {
		quotient++
	}
	return int64(quotient), nil
}
