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
