// Package skus is the part of the catalogue that pricing stands on: which SKUs there are and
// which of them are sold, for the statements of packages below catalog.
package skus

import (
	"cmp"
	"slices"

	"meridian/internal/database"
	"meridian/internal/money"
)

// AllSQL is the SKUs with what others need of their products, as a table expression that takes
// an alias:
//
//	FROM ` + skus.AllSQL + ` s WHERE s.sku = $1 AND s.sold
//
// Its columns are sku, product_id, base_currency, options, active, sold, and the product's
// title, slug, images, category_id, tax_category and updated_at. A SKU is active unless its
// seller archived it, and sold while both it and its product are active.
//
// Both engines merge it into the statement around it; a statement that uses none of the
// product's columns does not read products.
const AllSQL = `(
  SELECT k.sku, k.product_id, k.base_currency, k.options, k.status = 'active' AS active,
    k.status = 'active' AND kp.status = 'active' AS sold,
    kp.title, kp.slug, kp.images, kp.category_id, kp.tax_category, kp.updated_at
  FROM skus k
  LEFT JOIN products kp ON kp.id = k.product_id)`

// A Price says that a SKU has a price in a currency.
type Price struct {
	SKU      string
	Currency money.Currency
}

// QueueBaseCurrencies adds to the batch of SKUs' first prices which of their currencies the
// others are converted from: the euro, or else the first by its code. A SKU that has a base
// currency keeps it.
func QueueBaseCurrencies(b *database.Batch, prices []Price) {
	base := make(map[string]money.Currency)
	for _, p := range prices {
		now, known := base[p.SKU]
		if !known || now != "EUR" && (p.Currency == "EUR" || p.Currency < now) {
			base[p.SKU] = p.Currency
		}
	}
	rows := make([]Price, 0, len(base))
	for sku, currency := range base {
		rows = append(rows, Price{sku, currency})
	}
	// In one order, so that two writers cannot wait for each other.
	slices.SortFunc(rows, func(a, b Price) int { return cmp.Compare(a.SKU, b.SKU) })
	b.QueueArgs(`
UPDATE skus s
SET base_currency = base.currency
FROM `+database.Unnest[Price]("base")+`
WHERE s.sku = base.sku AND s.base_currency = ''`, database.Columns(rows))
}
