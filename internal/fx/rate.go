package fx

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"meridian/internal/money"
)

// The sources whose rates are kept.
const (
	// SourceECB is the European Central Bank's daily reference file.
	SourceECB = "ecb"
	// SourceManual is what finance enters: while in force it counts before any other.
	SourceManual = "manual"
	// SourceDefinition is the rate of the euro: 1, always.
	SourceDefinition = "definition"
)

// Euro is the currency that all rates are against.
const Euro money.Currency = "EUR"

// A Quotation is what a source says a currency was worth on a day.
type Quotation struct {
	// Day is an ISO 8601 date, such as 2026-04-13.
	Day      string
	Currency money.Currency
	// Rate is units of Currency for one euro.
	Rate money.Decimal
}

// A Rate is a quotation that is or was in force, and when.
type Rate struct {
	Currency money.Currency
	// Source is SourceECB, SourceManual or SourceDefinition.
	Source string
	// Day is what the source dates the rate, as 2026-04-13; a person's entry is dated by its
	// moment. The euro's rate has none.
	Day string
	// Rate is units of Currency for one euro.
	Rate money.Decimal
	// ValidFrom is when the rate came or comes into force, ValidTo when it ends; nil until the
	// next one of its source.
	ValidFrom time.Time
	ValidTo   *time.Time
}

// inForce reports whether the rate's own period holds the moment.
func (r Rate) inForce(at time.Time) bool {
	return !r.ValidFrom.After(at) && (r.ValidTo == nil || at.Before(*r.ValidTo))
}

// Age returns how old the rate is at a moment: since its day's publication, or since an entry of a
// person's came into force. The euro's rate does not age.
func (r Rate) Age(at time.Time) time.Duration {
	if r.Source == SourceDefinition {
		return 0
	}
	since, err := publishedAt(r.Day)
	if err != nil {
		since = r.ValidFrom
	}
	return max(0, at.Sub(since))
}

// Stale reports whether the rate is older than maxAge at a moment. It still prices, but what it
// prices says so.
func (r Rate) Stale(at time.Time, maxAge time.Duration) bool { return r.Age(at) > maxAge }

// dayLayout is how days are written.
const dayLayout = time.DateOnly

// publication is the time of day, in UTC, from which a day's rate counts. The ECB publishes at
// about 16:00 in Frankfurt: that is 15:00 UTC in winter, and an hour earlier in summer. One time
// for all the year is never before the publication, and does not hang on when some country's
// clocks change.
const publication = 15 * time.Hour

// publishedAt returns when the rate of a day is published.
func publishedAt(day string) (time.Time, error) {
	midnight, err := time.Parse(dayLayout, day)
	return midnight.Add(publication), err
}

// The bounds of a rate: what real ones have, and few enough digits for the product of two
// rates and a multiplier to fit (money.Conversion).
const (
	maxRateDigits   = 9
	maxRateDecimals = 6
)

// checkRate says what is wrong with a rate, or "".
func checkRate(rate money.Decimal) string {
	if rate.Sign() <= 0 {
		return "must be above zero"
	}
	whole, decimals, _ := strings.Cut(rate.String(), ".")
	if len(strings.TrimLeft(whole+decimals, "0")) > maxRateDigits || len(decimals) > maxRateDecimals {
		return fmt.Sprintf("must have at most %d digits, %d of them decimals", maxRateDigits, maxRateDecimals)
	}
	return ""
}

// jumps reports whether two rates are more than maxBP apart, in hundredths of a percent of the
// first.
func jumps(from, to money.Decimal, maxBP int64) bool {
	change := new(big.Rat).Sub(to.Rat(), from.Rat())
	bound := new(big.Rat).Mul(from.Rat(), big.NewRat(maxBP, 10_000))
	return change.Abs(change).Cmp(bound) > 0
}
