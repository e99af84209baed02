package catalog

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
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
type CategoryName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// QueueListed adds to a batch of reads those of some products that are active, as everyone may see them. into is set
// when the batch is read.
func QueueListed(b *database.Batch, ids []uuid.UUID, into *[]Listed) {
	b.Queue(`
SELECT `+unpricedColumns+`,
  (SELECT min(l.listed_at) FROM category_products l WHERE l.product_id = p.id) AS listed_at,
  (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name) ORDER BY a.level)
   FROM categories c
   JOIN categories a ON a.id = ANY(string_to_array(btrim(c.path, '/'), '/'))
   WHERE c.id = p.category_id) AS categories
FROM products p
WHERE p.id = ANY($1::uuid[]) AND p.status = 'active'`, ids).Query(database.Collect(into, scanListedProduct))
}

func scanListedProduct(row pgx.CollectableRow) (Listed, error) {
	var r productRow
	var listedAt *time.Time
	var categories []byte
	if err := row.Scan(append(r.targets(), &listedAt, &categories)...); err != nil {
		return Listed{}, err
	}
	p, err := r.product()
	if err != nil {
		return Listed{Product: Product{ID: r.ID, Version: r.Version}, Fault: err}, nil
	}
	l := Listed{Product: p.public(), ListedAt: p.CreatedAt}
	if listedAt != nil {
		l.ListedAt = *listedAt
	}
	if err := json.Unmarshal(categories, &l.Categories); err != nil {
		return Listed{}, fmt.Errorf("reading the categories of product %s: %w", p.PublicID(), err)
	}
	return l, nil
}
