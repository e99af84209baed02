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

// Decimal is an exact decimal number, such as an exchange rate or a multiplier. The zero value is 0. Equal numbers
// are equal by ==.
type Decimal struct {
	coefficient int64
	scale       uint8 // decimals
}

// NewDecimal returns coefficient × 10^-decimals. It panics on more than ten decimals: use it for constants.
func NewDecimal(coefficient int64, decimals int) Decimal {
	if decimals < 0 || decimals > maxDecimals {
		panic("money: a decimal has 0 to 10 decimals")
	}
	return Decimal{coefficient: coefficient, scale: uint8(decimals)}.trimmed()
}

// ParseDecimal parses plain decimal text: an optional minus sign and digits with at most one point; no exponent. It
// takes at most eighteen digits, ten of them after the point.
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

// trimmed returns the number in its only valid form, without zeros at the end.
func (d Decimal) trimmed() Decimal {
	for d.scale > 0 && d.coefficient%10 == 0 {
		d.coefficient /= 10
		d.scale--
	}
	return d
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int { return cmp.Compare(d.coefficient, 0) }

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int { return d.Rat().Cmp(e.Rat()) }

// Rat returns the number as an exact fraction.
func (d Decimal) Rat() *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(d.coefficient), power(int(d.scale)))
}

// power returns 10^exponent.
func power(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

// String formats the number as the shortest plain text, which ParseDecimal reads.
func (d Decimal) String() string { return fixedPoint(d.coefficient, int(d.scale)) }

// MarshalText encodes the number as String does. In JSON it is a string, so that no reader turns it into a binary
// fraction.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText decodes what MarshalText wrote.
func (d *Decimal) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDecimal(string(text))
	return err
}

// Value encodes the number for a text column.
func (d Decimal) Value() (driver.Value, error) { return d.String(), nil }

// Scan decodes the number from a text column.
func (d *Decimal) Scan(from any) error {
	text, ok := from.(string)
	if !ok {
		return errors.New("a decimal is read from text")
	}
	return d.UnmarshalText([]byte(text))
}

// quotientDecimals is the precision of a Quotient, which is what exchange rates need.
const quotientDecimals = 8

// Quotient returns d / e, both above zero, rounded half to even to eight decimals. It fails with ErrOverflow if the
// result is zero or has more than eighteen digits.
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

// Major returns the amount in major units: 1250 EUR is 12.5.
func (a Amount) Major() Decimal {
	return Decimal{coefficient: a.Minor, scale: uint8(a.Currency.Exponent())}.trimmed()
}

// Scaled returns the number times 10^decimals, truncated: 1.5 with three decimals is 1500. It saturates on overflow.
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
