package catalog

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog/skus"
	"meridian/internal/database"
)

// SKUsSQL is the SKUs with what others need of their products, as a table expression that takes
// an alias. skus.AllSQL documents its columns.
const SKUsSQL = skus.AllSQL

// ProductsSQL is all products, as a table expression that takes an alias. Its columns are id,
// category_id and on_sale.
const ProductsSQL = `(SELECT ps.id, ps.category_id, ps.status = 'active' AS on_sale FROM products ps)`

// QueueCategoryOf reads a product's category and whether the product is on sale. It leaves both
// as they are where there is no such product.
func QueueCategoryOf(b *database.Batch, product uuid.UUID, category *string, onSale *bool) {
	b.Queue(`
SELECT p.category_id, p.status = 'active'
FROM products p
WHERE p.id = $1`, product).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{category, onSale}, func() error { return nil })
		return err
	})
}

// QueueNewestBeside reads at most limit products on sale in a product's category, the newest first.
func QueueNewestBeside(b *database.Batch, product uuid.UUID, limit int, into *[]uuid.UUID) {
	b.Queue(`
SELECT cp.product_id
FROM category_products cp
WHERE cp.category_id = (SELECT p.category_id FROM products p WHERE p.id = $1)
ORDER BY cp.listed_at DESC, cp.product_id DESC
LIMIT $2::int8`, product, limit).Query(database.Collect(into, pgx.RowTo[uuid.UUID]))
}

// QueueNewest reads at most limit products on sale, the newest first.
func QueueNewest(b *database.Batch, limit int, into *[]uuid.UUID) {
	b.Queue(`
SELECT n.product_id
FROM categories r
CROSS JOIN LATERAL (
  SELECT cp.product_id, cp.listed_at
  FROM category_products cp
  WHERE cp.category_id = r.id
  ORDER BY cp.listed_at DESC, cp.product_id DESC
  LIMIT $1::int8
) n
WHERE r.parent_id IS NULL
ORDER BY n.listed_at DESC, n.product_id DESC
LIMIT $1::int8`, limit).Query(database.Collect(into, pgx.RowTo[uuid.UUID]))
}

// QueueHasSeller adds to a batch of reads whether there is a seller.
func QueueHasSeller(b *database.Batch, seller uuid.UUID, into *bool) {
	b.Queue(`
SELECT EXISTS (SELECT 1 FROM sellers WHERE id = $1)`, seller).QueryRow(func(row pgx.Row) error { return row.Scan(into) })
}
