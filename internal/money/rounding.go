package money

import "math/bits"

// BasisPoints is a rate in hundredths of a percent: 2000 is 20 %.
type BasisPoints int64

// Of applies the rate to minor, rounded half to even, such as the tax to add to a net amount. minor and the rate must
// not be negative. It fails with ErrOverflow.
func (r BasisPoints) Of(minor int64) (int64, error) {
	return mulDivHalfEven(minor, int64(r), 10_000)
}

// Within returns the tax contained in the gross amount minor: minor × rate / (1 + rate), rounded half to even. minor
// and the rate must not be negative.
func (r BasisPoints) Within(minor int64) (int64, error) {
	return mulDivHalfEven(minor, int64(r), 10_000+int64(r))
}

// mulDivHalfEven returns a × b / c, rounded half to even, for a, b >= 0 and c > 0.
func mulDivHalfEven(a, b, c int64) (int64, error) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if a < 0 || b < 0 || hi >= uint64(c) {
		return 0, ErrOverflow
	}
	quotient, remainder := bits.Div64(hi, lo, uint64(c))
	half := uint64(c) - remainder // compares remainder with c/2 without doubling it
	if remainder > half || (remainder == half && quotient%2 == 1) {
		quotient++
	}
	if quotient > 1<<63-1 {
		return 0, ErrOverflow
	}
	return int64(quotient), nil
}
