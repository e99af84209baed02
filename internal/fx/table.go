package fx

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"meridian/internal/money"
)

// A Table looks up which rate is in force when. It is immutable, and safe for use by many
// goroutines.
type Table struct {
	currencies map[money.Currency]timeline
}

// A timeline is the rates of a currency by ValidFrom, the manual ones apart.
type timeline struct{ manual, published []Rate }

// NoRateError is returned for a currency that has no rate in force at a moment.
type NoRateError struct {
	Currency money.Currency
	At       time.Time
}

// Error names the currency and the moment.
func (e *NoRateError) Error() string {
	return fmt.Sprintf("there is no exchange rate for %s at %s", e.Currency, e.At.UTC().Format(time.RFC3339))
}

// NewTable makes a table of rates as QueueLoad reads them, in any order. A rate whose ValidTo
// is its ValidFrom was never in force and is left out.
func NewTable(rates []Rate) *Table {
	t := &Table{currencies: make(map[money.Currency]timeline)}
	for _, r := range rates {
		if r.ValidTo != nil && !r.ValidTo.After(r.ValidFrom) {
			continue
		}
		line := t.currencies[r.Currency]
		if r.Source == SourceManual {
			line.manual = append(line.manual, r)
		} else {
			line.published = append(line.published, r)
		}
		t.currencies[r.Currency] = line
	}
	for _, line := range t.currencies {
		slices.SortFunc(line.manual, byValidity)
		slices.SortFunc(line.published, byValidity)
	}
	return t
}

// byValidity orders rates by when they come into force; of two at once the later day is second,
// and counts.
func byValidity(a, b Rate) int {
	return cmp.Or(a.ValidFrom.Compare(b.ValidFrom), cmp.Compare(a.Day, b.Day))
}

// euro is what one euro is in euros.
var euro = Rate{Currency: Euro, Source: SourceDefinition, Rate: money.NewDecimal(1, 0)}

// At returns the rate of a currency that is in force at a moment: a manual one before any other. The
// error is *NoRateError. It takes O(log n) and allocates nothing but the error.
func (t *Table) At(currency money.Currency, at time.Time) (Rate, error) {
	if currency == Euro {
		return euro, nil
	}
	line := t.currencies[currency]
	if i := latest(line.manual, at); i >= 0 {
		return line.manual[i], nil
	}
	if i := latest(line.published, at); i >= 0 {
		return line.published[i], nil
	}
	return Rate{}, &NoRateError{Currency: currency, At: at}
}

// latest returns the place of the rate that began last before a moment or at it, -1 if there is none
// or it is over. The one before it is over since it began.
func latest(rates []Rate, at time.Time) int {
	begun, _ := slices.BinarySearchFunc(rates, at, func(r Rate, at time.Time) int {
		if r.ValidFrom.After(at) {
			return 1
		}
		return -1
	})
	if begun == 0 || !rates[begun-1].inForce(at) {
		return -1
	}
	return begun - 1
}

// givenUpAfter is how long a source must have been silent about a currency, while it went on
// about others, to have given it up.
const givenUpAfter = 30 * 24 * time.Hour

// Oldest returns the rate in force at a moment that is oldest, and false where there is none. A
// currency that its source has given up (the rouble, in March 2022) is left out: its rate is
// old for good.
func (t *Table) Oldest(at time.Time) (oldest Rate, found bool) {
	var inForce []Rate
	youngest := make(map[string]time.Duration)
	for currency := range t.currencies {
		rate, err := t.At(currency, at)
		if err != nil {
			continue
		}
		inForce = append(inForce, rate)
		if age, known := youngest[rate.Source]; !known || rate.Age(at) < age {
			youngest[rate.Source] = rate.Age(at)
		}
	}
	for _, rate := range inForce {
		age := rate.Age(at)
		givenUp := rate.Source != SourceManual && age-youngest[rate.Source] >= givenUpAfter
		if !givenUp && (!found || age > oldest.Age(at)) {
			oldest, found = rate, true
		}
	}
	return oldest, found
}
