package pricing

import (
	"cmp"
	"maps"
	"slices"

	"meridian/internal/database"
	"meridian/internal/money"
)

// Price is what one unit of a SKU costs in a currency, as it is shown to shoppers.
type Price struct {
	SKU         string
	Currency    money.Currency
	AmountMinor int64 // 0 or more
}

// QueueSet adds to a batch one statement that sets the prices; where a SKU and currency
// come twice, the last counts. Rows that hold the amount already are left alone. It may
// be repeated. Give it at most a thousand prices.
//
// A SKU that is not there breaks prices_sku_fkey, a negative amount prices_not_negative.
// Readers that cache products learn of it from the product, which the caller touches.
func QueueSet(b *database.Batch, prices []Price) {
	if len(prices) == 0 {
		return
	}
	skus, currencies, amounts := priceColumns(prices)
	b.Queue(`
INSERT INTO prices (sku, currency, amount_minor)
SELECT p.sku, p.currency, p.amount_minor
FROM unnest($1::text[], $2::text[], $3::int8[]) AS p (sku, currency, amount_minor)
ON CONFLICT (sku, currency) DO UPDATE
SET amount_minor = excluded.amount_minor, updated_at = now()
WHERE prices.amount_minor <> excluded.amount_minor`, skus, currencies, amounts)
}

// priceColumns is the prices as columns: each key once, because one statement cannot set
// a row twice, and in one order, so that two writers cannot wait for each other.
func priceColumns(prices []Price) (skus, currencies []string, amounts []int64) {
	type key struct {
		sku      string
		currency money.Currency
	}
	last := make(map[key]int64, len(prices))
	for _, p := range prices {
		last[key{p.SKU, p.Currency}] = p.AmountMinor
	}
	for _, k := range slices.SortedFunc(maps.Keys(last), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.sku, b.sku), cmp.Compare(a.currency, b.currency))
	}) {
		skus = append(skus, k.sku)
		currencies = append(currencies, string(k.currency))
		amounts = append(amounts, last[k])
	}
	return skus, currencies, amounts
}
