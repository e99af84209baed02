package catalog

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// A Listed product is an active one with its place in the shop. Its SKUs are without their prices.
type Listed struct {
	Product
	// Categories are the product's category and all above it, the root first.
	Categories []CategoryName
	// ListedAt is when it was last put on sale.
	ListedAt time.Time
	// Fault is why the row cannot be read, if it cannot: then only ID and Version are set. One such row holds up no other.
	Fault error
}

// CategoryName is a category by its id and its name.
type CategoryName struct{ ID, Name string }

// QueueListed adds to a batch of reads those of some products that are active, as everyone may see them. into is set
// when the batch is read.
func QueueListed(b *database.Batch, ids []uuid.UUID, into *[]Listed) {
	var found []foundProduct
	queueFind(b, choice{
		sql: `SELECT id FROM products WHERE id = ANY($1::uuid[]) AND status = 'active'`, args: []any{ids}, unpriced: true,
	}, func(products []foundProduct) error {
		found = products
		return nil
	})
	// Each stands in its category and all above it.
	b.Queue(`
SELECT cp.product_id, cp.listed_at, c.id, c.name
FROM category_products cp
JOIN categories c ON c.id = cp.category_id
WHERE cp.product_id = ANY($1::uuid[])
ORDER BY cp.product_id, c.level`, ids).Query(func(rows pgx.Rows) error {
		*into = make([]Listed, len(found))
		place := make(map[uuid.UUID]*Listed, len(found))
		for i, p := range found {
			(*into)[i] = newListed(p)
			place[p.ID] = &(*into)[i]
		}
		var product uuid.UUID
		var at time.Time
		var category CategoryName
		_, err := pgx.ForEachRow(rows, []any{&product, &at, &category.ID, &category.Name}, func() error {
			if l := place[product]; l != nil && l.Fault == nil {
				l.Categories = append(l.Categories, category)
				l.ListedAt = database.Earlier(l.ListedAt, at)
			}
			return nil
		})
		return err
	})
}

// newListed returns a product before its place in the shop is known.
func newListed(p foundProduct) Listed {
	if p.fault != nil {
		return Listed{Product: Product{ID: p.ID, Version: p.Version}, Fault: p.fault}
	}
	return Listed{Product: p.public()}
}
