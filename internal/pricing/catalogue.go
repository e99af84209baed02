package pricing

import (
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

func cataloguePrices(entries []Entry, wanted func(Period) bool) map[money.Currency]int64 {
	prices := make(map[money.Currency]int64)
	for _, e := range entries {
		if code, ok := strings.CutPrefix(e.List, cataloguePrefix); ok && e.MinQuantity == 1 && wanted(e.Period) {
			prices[money.Currency(code)] = e.AmountMinor
		}
	}
	return prices
}
