package catalog

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// SKUsSQL is the SKUs with what others need of their products, as a table expression that takes
// an alias:
//
//	FROM ` + catalog.SKUsSQL + ` s WHERE s.sku = $1 AND s.sold
//
// Its columns are sku, product_id, base_currency, options, active, sold, and the product's
// title, slug, images, category_id and tax_category. A SKU is active unless its seller archived
// it, and sold while both it and its product are active.
//
// Both engines merge it into the statement around it; a statement that uses none of the
// product's columns does not read products.
const SKUsSQL = `(
  SELECT k.sku, k.product_id, k.base_currency, k.options, k.status = 'active' AS active,
    k.status = 'active' AND kp.status = 'active' AS sold,
    kp.title, kp.slug, kp.images, kp.category_id, kp.tax_category
  FROM skus k
  LEFT JOIN products kp ON kp.id = k.product_id)`

// OnSaleSQL is the products on sale, as a table expression that takes an alias. Its columns are
// id and category_id.
const OnSaleSQL = `(SELECT ps.id, ps.category_id FROM products ps WHERE ps.status = 'active')`

// QueueOnSale adds to a batch of reads whether a product is on sale.
func QueueOnSale(b *database.Batch, product uuid.UUID, into *bool) {
	b.Queue(`
SELECT EXISTS (SELECT 1 FROM products p WHERE p.id = $1 AND p.status = 'active')`, product).QueryRow(func(row pgx.Row) error {
		return row.Scan(into)
	})
}

// SellersSQL is the sellers, as a table expression that takes an alias. Its columns are id and slug.
const SellersSQL = `(SELECT sl.id, sl.slug FROM sellers sl)`
