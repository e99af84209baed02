package pricing

import (
	"cmp"
	"slices"
	"time"

	"meridian/internal/catalog/skus"
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
	rows := priceRows(prices)
	args := database.Columns(rows).With(database.Args{"lead": lead.Microseconds()})
	// Both statements have the same now(), the transaction's, so that one price ends where the next begins. They are
	// worded so that rows are found by the primary key also where nothing is known of the table yet, as in a first
	// import: a condition on min_quantity alone passes for one row, and counting is not turned into a join.
	b.QueueArgs(`
UPDATE price_entries e
SET valid_to = CASE WHEN e.valid_from > now() + @lead::int8 * INTERVAL '1 microsecond' THEN e.valid_from
    ELSE now() + @lead::int8 * INTERVAL '1 microsecond' END,
  changed_at = now()
FROM `+database.Unnest[priceRow]("p")+`
WHERE e.sku = p.sku AND e.list = p.list AND e.min_quantity = p.min_quantity
  AND (e.valid_to IS NULL AND e.amount_minor <> p.amount
    -- or one that was to last until a change that will now never be
    OR e.valid_to > now() + @lead::int8 * INTERVAL '1 microsecond' AND 0 < (
      SELECT count(*)
      FROM price_entries o
      WHERE o.sku = p.sku AND o.list = p.list AND o.min_quantity = p.min_quantity AND o.valid_to IS NULL AND o.amount_minor <> p.amount))`,
		args)
	b.QueueArgs(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT p.sku, p.list, p.min_quantity,
  CASE (SELECT count(*) FROM price_entries e WHERE e.sku = p.sku AND e.list = p.list AND e.min_quantity = p.min_quantity)
    WHEN 0 THEN now() ELSE now() + @lead::int8 * INTERVAL '1 microsecond' END,
  p.amount
FROM `+database.Unnest[priceRow]("p")+`
WHERE 0 = (
  SELECT count(*)
  FROM price_entries e
  WHERE e.sku = p.sku AND e.list = p.list AND e.min_quantity = p.min_quantity AND e.valid_to IS NULL)`, args)
	priced := make([]skus.Price, len(prices))
	for i, p := range prices {
		priced[i] = skus.Price{SKU: p.SKU, Currency: p.Currency}
	}
	skus.QueueBaseCurrencies(b, priced)
}

// priceRow is a price as a row of its list.
type priceRow struct {
	SKU         string `db:"sku"`
	List        string
	Amount      int64
	MinQuantity int64
}

// priceRows returns the prices as rows: each key once, because one statement cannot set a row
// twice, and in one order, so that two writers cannot wait for each other.
func priceRows(prices []Price) []priceRow {
	type key struct{ sku, list string }
	last := make(map[key]int64, len(prices))
	for _, p := range prices {
		last[key{p.SKU, CatalogueList(p.Currency)}] = p.AmountMinor
	}
	rows := make([]priceRow, 0, len(last))
	for k, amount := range last {
		rows = append(rows, priceRow{k.sku, k.list, amount, 1})
	}
	slices.SortFunc(rows, func(a, b priceRow) int { return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.List, b.List)) })
	return rows
}
