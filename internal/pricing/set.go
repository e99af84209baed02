package pricing

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"meridian/internal/database"
	"meridian/internal/money"
)

// Price is what one unit of a SKU costs in the catalogue, in minor units of a currency.
type Price struct {
	SKU         string
	Currency    money.Currency
	AmountMinor int64 // 0 or more
}

// QueueSet adds to a batch the statements that set catalogue prices; where a SKU and
// currency come twice, the last counts. Prices that are so already are left alone. It may be
// repeated. Give it at most a thousand prices.
//
// A SKU's first price in a currency is in force at once; one that takes the place of another
// is after lead, which is time for every pod to learn of it. The SKU's first prices also say
// what its base currency is: the euro, or else the first by its code.
//
// A SKU that is not there breaks price_entries_sku_fkey, a negative amount
// price_entries_not_negative. Readers that cache products learn of it from the product, which
// the caller touches.
func QueueSet(b *database.Batch, prices []Price, lead time.Duration) {
	if len(prices) == 0 {
		return
	}
	skus, lists, amounts := priceColumns(prices)
	units := slices.Repeat([]int64{1}, len(skus))
	micros := lead.Microseconds()
	// Both statements have the same now(), the transaction's, so that one price ends where the next begins. They are
	// worded so that rows are found by the primary key also where nothing is known of the table yet, as in a first
	// import: a condition on min_quantity alone passes for one row, and counting is not turned into a join.
	// $1 = SKUs, $2 = lists, $3 = amounts, $4 = microseconds of lead, $5 = minimum quantities
	b.Queue(`
UPDATE price_entries e
SET valid_to = CASE WHEN e.valid_from > now() + $4::int8 * INTERVAL '1 microsecond' THEN e.valid_from ELSE now() + $4::int8 * INTERVAL '1 microsecond' END,
  changed_at = now()
FROM unnest($1::text[], $2::text[], $3::int8[], $5::int8[]) AS p (sku, list, amount, min_quantity)
WHERE e.sku = p.sku AND e.list = p.list AND e.min_quantity = p.min_quantity
  AND (e.valid_to IS NULL AND e.amount_minor <> p.amount
    -- or one that was to last until a change that will now never be
    OR e.valid_to > now() + $4::int8 * INTERVAL '1 microsecond' AND 0 < (
      SELECT count(*)
      FROM price_entries o
      WHERE o.sku = p.sku AND o.list = p.list AND o.min_quantity = p.min_quantity AND o.valid_to IS NULL AND o.amount_minor <> p.amount))`,
		skus, lists, amounts, micros, units)
	b.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT p.sku, p.list, p.min_quantity,
  CASE (SELECT count(*) FROM price_entries e WHERE e.sku = p.sku AND e.list = p.list AND e.min_quantity = p.min_quantity)
    WHEN 0 THEN now() ELSE now() + $4::int8 * INTERVAL '1 microsecond' END,
  p.amount
FROM unnest($1::text[], $2::text[], $3::int8[], $5::int8[]) AS p (sku, list, amount, min_quantity)
WHERE 0 = (
  SELECT count(*)
  FROM price_entries e
  WHERE e.sku = p.sku AND e.list = p.list AND e.min_quantity = p.min_quantity AND e.valid_to IS NULL)`,
		skus, lists, amounts, micros, units)
	b.Queue(`
UPDATE skus s
SET base_currency = base.currency
FROM unnest($1::text[], $2::text[]) AS base (sku, currency)
WHERE s.sku = base.sku AND s.base_currency = ''`, baseColumns(prices)...)
}

// priceColumns is the prices as columns: each key once, because one statement cannot set
// a row twice, and in one order, so that two writers cannot wait for each other.
func priceColumns(prices []Price) (skus, lists []string, amounts []int64) {
	type key struct {
		sku  string
		list string
	}
	last := make(map[key]int64, len(prices))
	for _, p := range prices {
		last[key{p.SKU, CatalogueList(p.Currency)}] = p.AmountMinor
	}
	for _, k := range slices.SortedFunc(maps.Keys(last), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.sku, b.sku), cmp.Compare(a.list, b.list))
	}) {
		skus = append(skus, k.sku)
		lists = append(lists, k.list)
		amounts = append(amounts, last[k])
	}
	return skus, lists, amounts
}

// baseColumns is the base currency that each SKU has where it has none yet.
func baseColumns(prices []Price) []any {
	base := make(map[string]money.Currency)
	for _, p := range prices {
		now, known := base[p.SKU]
		if !known || now != "EUR" && (p.Currency == "EUR" || p.Currency < now) {
			base[p.SKU] = p.Currency
		}
	}
	skus := slices.Sorted(maps.Keys(base))
	currencies := make([]string, len(skus))
	for i, sku := range skus {
		currencies[i] = string(base[sku])
	}
	return []any{skus, currencies}
}
