package money

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// The bounds of a Decimal: what fits in 64 bits whatever its scale.
const (
	maxDigits   = 18
	maxDecimals = 10
)

// Decimal is an exact decimal number, such as an exchange rate or a multiplier. The zero
// value is 0. Two that are equal are the same value of the type.
type Decimal struct {
	coefficient int64
	scale       uint8 // decimals
}

// NewDecimal is coefficient × 10^-decimals. It panics on more than ten decimals: it is for
// numbers that the program knows.
func NewDecimal(coefficient int64, decimals int) Decimal {
	if decimals < 0 || decimals > maxDecimals {
		panic("money: a decimal has 0 to 10 decimals")
	}
	return Decimal{coefficient: coefficient, scale: uint8(decimals)}.trimmed()
}

// ParseDecimal reads plain decimal text: digits with at most one point, a sign before them;
// no exponent. It takes at most eighteen digits, ten of them after the point.
func ParseDecimal(text string) (Decimal, error) {
	digits := strings.TrimPrefix(text, "-")
	whole, decimals, point := strings.Cut(digits, ".")
	if whole == "" || (point && decimals == "") || strings.Trim(whole+decimals, "0123456789") != "" {
		return Decimal{}, fmt.Errorf("%q is not a decimal number such as 1.0857", text)
	}
	decimals = strings.TrimRight(decimals, "0")
	if len(decimals) > maxDecimals || len(strings.TrimLeft(whole, "0"))+len(decimals) > maxDigits {
		return Decimal{}, fmt.Errorf("%q has too many digits: at most %d, %d of them decimals", text, maxDigits, maxDecimals)
	}
	coefficient, err := strconv.ParseInt(whole+decimals, 10, 64)
	if err != nil {
		return Decimal{}, fmt.Errorf("read decimal: %w", err)
	}
	if digits != text {
		coefficient = -coefficient
	}
	return Decimal{coefficient: coefficient, scale: uint8(len(decimals))}.trimmed(), nil
}

// trimmed is the same number in the one form that it has: no zeros at the end.
func (d Decimal) trimmed() Decimal {
	for d.scale > 0 && d.coefficient%10 == 0 {
		d.coefficient /= 10
		d.scale--
	}
	return d
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int { return cmp.Compare(d.coefficient, 0) }

// Cmp is -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int { return d.Rat().Cmp(e.Rat()) }

// Rat is the number as an exact fraction.
func (d Decimal) Rat() *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(d.coefficient), power(int(d.scale)))
}

// power is 10^exponent.
func power(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

// String is the shortest plain text of the number; ParseDecimal reads it.
func (d Decimal) String() string {
	digits := strconv.FormatUint(magnitude(d.coefficient), 10)
	scale := int(d.scale)
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.coefficient < 0 {
		return "-" + digits
	}
	return digits
}

// MarshalText writes the number as String does: in JSON it is text, so that no reader makes
// a binary fraction of it.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Decimal) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDecimal(string(text))
	return err
}

// Value makes a column of type text hold the number.
func (d Decimal) Value() (driver.Value, error) { return d.String(), nil }

// Scan reads it from one.
func (d *Decimal) Scan(from any) error {
	text, ok := from.(string)
	if !ok {
		return errors.New("a decimal is read from text")
	}
	return d.UnmarshalText([]byte(text))
}

// quotientDecimals is how exact a Quotient is: what an exchange rate needs.
const quotientDecimals = 8

// Quotient is d / e, both above zero, rounded half to even to eight decimals. It fails with
// ErrOverflow where that is zero or has more than eighteen digits.
func Quotient(d, e Decimal) (Decimal, error) {
	ratio, err := NewRatio([]Decimal{d, NewDecimal(pow10(quotientDecimals), 0)}, []Decimal{e})
	if err != nil {
		return Decimal{}, err
	}
	coefficient, err := Exact.Convert(ratio, 1)
	if err != nil || coefficient == 0 || coefficient >= pow10(maxDigits) {
		return Decimal{}, ErrOverflow
	}
	return Decimal{coefficient: coefficient, scale: quotientDecimals}.trimmed(), nil
}

// Minor is the number, of major units of a currency, in its minor units; ok is false where
// it has more decimals than the currency, or does not fit.
func (d Decimal) Minor(c Currency) (minor int64, ok bool) {
	shift := c.Exponent() - int(d.scale)
	if shift < 0 {
		return 0, false
	}
	minor, err := Times(d.coefficient, pow10(shift))
	return minor, err == nil
}

// Major is an amount as a number of major units: 1250 EUR is 12.5.
func (a Amount) Major() Decimal {
	return Decimal{coefficient: a.Minor, scale: uint8(a.Currency.Exponent())}.trimmed()
}

// Scaled is the number times 10^decimals, cut to a whole number: 1.5 with three decimals is
// 1500. It saturates where it does not fit.
func (d Decimal) Scaled(decimals int) int64 {
	for ; decimals < int(d.scale); decimals++ {
		d.coefficient, d.scale = d.coefficient/10, d.scale-1
	}
	scaled, err := Times(d.coefficient, pow10(decimals-int(d.scale)))
	if err != nil {
		return math.MaxInt64
	}
	return scaled
}

// Exact reports whether the number has at most so many decimals.
func (d Decimal) Exact(decimals int) bool { return int(d.scale) <= decimals }
