package pricing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"meridian/internal/money"
)

// CataloguePrices returns the sellers' prices of one unit among a SKU's entries that are in force
// at a moment, by currency, in minor units.
func CataloguePrices(entries []Entry, at time.Time) map[money.Currency]int64 {
	return cataloguePrices(entries, func(p Period) bool { return p.Has(at) })
}

// LatestPrices returns those that were set last, in force or soon to be.
func LatestPrices(entries []Entry) map[money.Currency]int64 {
	return cataloguePrices(entries, func(p Period) bool { return p.To.IsZero() })
}

// A ScheduledPrice is a seller's price of one unit that is to come, in minor units.
type ScheduledPrice struct {
	Currency    money.Currency
	AmountMinor int64
	From        time.Time
}

// ScheduledPrices returns the sellers' prices of one unit that begin after a moment, by time and currency.
func ScheduledPrices(entries []Entry, at time.Time) []ScheduledPrice {
	var scheduled []ScheduledPrice
	for _, e := range entries {
		if code, ok := strings.CutPrefix(e.List, cataloguePrefix); ok && e.MinQuantity == 1 && e.Period.From.After(at) && !e.Period.empty() {
			scheduled = append(scheduled, ScheduledPrice{money.Currency(code), e.AmountMinor, e.Period.From})
		}
	}
	slices.SortFunc(scheduled, func(a, b ScheduledPrice) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Currency, b.Currency))
	})
	return scheduled
}

func cataloguePrices(entries []Entry, wanted func(Period) bool) map[money.Currency]int64 {
	prices := make(map[money.Currency]int64)
	for _, e := range entries {
		if code, ok := strings.CutPrefix(e.List, cataloguePrefix); ok && e.MinQuantity == 1 && wanted(e.Period) {
			prices[money.Currency(code)] = e.AmountMinor
		}
	}
	return prices
}
