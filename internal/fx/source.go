package fx

import (
	"context"
	"strconv"

	"meridian/internal/invalid"
	"meridian/internal/money"
)

// A Source is where quotations come from. ECB and Manual are the two there are.
type Source interface {
	// Name is what its rates are kept under: SourceECB or SourceManual.
	Name() string
	// Fetch returns all that the source has to say now, in any order.
	Fetch(ctx context.Context) ([]Quotation, error)
}

// Manual is a series of rates that finance hands in, for currencies that no other source quotes
// or that the shop wants its own rates for. It counts before any other source.
type Manual []Quotation

// Name returns SourceManual.
func (m Manual) Name() string { return SourceManual }

// Fetch returns the quotations, or *invalid.Error where any is wrong in itself.
func (m Manual) Fetch(context.Context) ([]Quotation, error) {
	var faults invalid.List
	if len(m) == 0 || len(m) > maxQuotations {
		faults.Add("rates", "must be 1 to %d", maxQuotations)
	}
	for i, q := range m {
		field := "rates[" + strconv.Itoa(i) + "]."
		checkCurrency(&faults, field+"currency", q.Currency)
		if _, err := publishedAt(q.Day); err != nil {
			faults.Add(field+"day", "must be a date such as 2026-04-13")
		}
		if wrong := checkRate(q.Rate); wrong != "" {
			faults.Add(field+"rate", "%s", wrong)
		}
		if len(faults) >= maxListed {
			break
		}
	}
	return m, faults.Err("list of rates")
}

// checkCurrency wants a currency that can have a rate.
func checkCurrency(faults *invalid.List, field string, currency money.Currency) {
	if _, err := money.ParseCurrency(string(currency)); err != nil {
		faults.Add(field, "must be an ISO 4217 code in upper case, such as USD")
	} else if currency == Euro {
		faults.Add(field, "must not be EUR: rates are against the euro")
	}
}
