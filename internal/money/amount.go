package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

var (
	// ErrCurrencyMismatch is returned when two currencies would be mixed.
	ErrCurrencyMismatch = errors.New("amounts are in different currencies")
	// ErrOverflow is returned when a result does not fit in 64 bits, or an order comes to more than MaxOrderMinor.
	ErrOverflow = errors.New("amount is too large")
)

// MaxOrderMinor is the most that an order may come to, in minor units of any currency: far below 2^53, up to which clients
// keep whole numbers exactly.
const MaxOrderMinor = 100_000_000_000_000

// Amount is a sum of money: Minor minor units of Currency (1250 EUR is €12.50, 1250 JPY is ¥1250).
type Amount struct {
	Minor    int64
	Currency Currency
}

// New returns an amount of minor minor units of c.
func New(minor int64, c Currency) Amount { return Amount{Minor: minor, Currency: c} }

// Add returns a + b. It fails with ErrCurrencyMismatch or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("add %s to %s: %w", b.Currency, a.Currency, ErrCurrencyMismatch)
	}
	sum := a.Minor + b.Minor
	if (sum > a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, ErrOverflow
	}
	return Amount{Minor: sum, Currency: a.Currency}, nil
}

// Sub returns a − b. It fails with ErrCurrencyMismatch or ErrOverflow.
func (a Amount) Sub(b Amount) (Amount, error) {
	if b.Minor == math.MinInt64 {
		return Amount{}, ErrOverflow
	}
	return a.Add(Amount{Minor: -b.Minor, Currency: b.Currency})
}

// Mul returns a times n. It fails with ErrOverflow.
func (a Amount) Mul(n int64) (Amount, error) {
	product, err := Times(a.Minor, n)
	return Amount{Minor: product, Currency: a.Currency}, err
}

// Times returns minor × n. It fails with ErrOverflow.
func Times(minor, n int64) (int64, error) {
	if minor == 0 || n == 0 {
		return 0, nil
	}
	product := minor * n
	if product/n != minor || (minor == -1 && n == math.MinInt64) || (n == -1 && minor == math.MinInt64) {
		return 0, ErrOverflow
	}
	return product, nil
}

// Allocate splits a in proportion to weights without losing a unit: every part is rounded towards zero, and the units
// left over go, one each, to the parts with the largest remainders, the earlier first on a tie. It fails if a weight
// is negative or all are zero.
func (a Amount) Allocate(weights []int64) ([]Amount, error) {
	var total uint64
	for _, w := range weights {
		if w < 0 {
			return nil, fmt.Errorf("allocate: weight %d is negative", w)
		}
		sum, carry := bits.Add64(total, uint64(w), 0)
		if carry != 0 {
			return nil, ErrOverflow
		}
		total = sum
	}
	if total == 0 {
		return nil, errors.New("allocate: all weights are zero")
	}
	sign, magnitude := int64(1), uint64(a.Minor)
	if a.Minor < 0 {
		sign, magnitude = -1, -uint64(a.Minor)
	}
	parts := make([]Amount, len(weights))
	remainders := make([]uint64, len(weights))
	left := magnitude
	for i, w := range weights {
		hi, lo := bits.Mul64(magnitude, uint64(w))
		share, remainder := bits.Div64(hi, lo, total)
		parts[i] = Amount{Minor: sign * int64(share), Currency: a.Currency}
		remainders[i] = remainder
		left -= share
	}
	for ; left > 0; left-- {
		largest := 0
		for i, r := range remainders {
			if r > remainders[largest] {
				largest = i
			}
		}
		parts[largest].Minor += sign
		remainders[largest] = 0
	}
	return parts, nil
}

// String formats the amount in major units with its code, "12.50 EUR", for logs and errors. Prices for shoppers are
// formatted by locale elsewhere.
func (a Amount) String() string {
	return fixedPoint(a.Minor, a.Currency.Exponent()) + " " + string(a.Currency)
}

// fixedPoint formats n × 10^-decimals.
func fixedPoint(n int64, decimals int) string {
	digits := strconv.FormatUint(magnitude(n), 10)
	if len(digits) <= decimals {
		digits = strings.Repeat("0", decimals-len(digits)+1) + digits
	}
	if decimals > 0 {
		digits = digits[:len(digits)-decimals] + "." + digits[len(digits)-decimals:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// magnitude returns the absolute value of n.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
