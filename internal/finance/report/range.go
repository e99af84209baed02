package report

import (
	"time"

	"meridian/internal/invalid"
	"meridian/internal/money"
)

// MaxDays is the longest range of a report: a year, and a month to compare it with.
const MaxDays = 400

// Range is what a report is of.
type Range struct {
	// From and To are the first and the last day, both included, as midnight UTC.
	From, To time.Time
	// Market is a market's code; empty for all.
	Market string
	// Currency is the orders' currency; empty for all.
	Currency money.Currency
}

// ParseRange reads a range as people write it: days such as 2026-01-31, and a market and a
// currency, which may be empty. It fails with *invalid.Error, whose fields are from, to, market
// and currency.
func ParseRange(from, to, market, currency string) (Range, error) {
	var faults invalid.List
	r := Range{
		From: parseDay(&faults, "from", from), To: parseDay(&faults, "to", to),
		Market: faults.Line("market", market, 0, 100), Currency: money.Currency(currency),
	}
	if len(faults) == 0 {
		r.checkDays(&faults)
	}
	r.checkCurrency(&faults)
	return r, faults.Err("report")
}

func parseDay(faults *invalid.List, field, text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		faults.Add(field, "must be a day such as 2026-01-31")
	}
	return day
}

// Validate reports everything that is wrong with the range as *invalid.Error, or nil.
func (r Range) Validate() error {
	var faults invalid.List
	r.checkDays(&faults)
	r.checkCurrency(&faults)
	return faults.Err("report")
}

func (r Range) checkDays(faults *invalid.List) {
	switch {
	case !isDay(r.From):
		faults.Add("from", "must be midnight UTC of a day")
	case !isDay(r.To):
		faults.Add("to", "must be midnight UTC of a day")
	case r.To.Before(r.From):
		faults.Add("to", "must not be before from")
	case !r.To.Before(r.From.AddDate(0, 0, MaxDays)):
		faults.Add("to", "must be less than %d days after from: ask for a shorter range", MaxDays)
	}
}

func (r Range) checkCurrency(faults *invalid.List) {
	if r.Currency == "" {
		return
	}
	if _, err := money.ParseCurrency(string(r.Currency)); err != nil {
		faults.Add("currency", "must be an ISO 4217 code in upper case, such as EUR")
	}
}

func isDay(t time.Time) bool { return t.Equal(t.UTC().Truncate(24 * time.Hour)) }

// end returns the moment at which the last day is over.
func (r Range) end() time.Time { return r.To.AddDate(0, 0, 1) }
