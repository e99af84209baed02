package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// A FindFilter says which active products to find by the beginning of a name.
type FindFilter struct {
	// Text is what the title, the brand or a category's name begins with, in any case; empty is everything.
	Text string
	// CategoryID is a category, with all below it; empty is the whole shop.
	CategoryID string
	// Brands are compared exactly; none is every brand.
	Brands []string
	// Limit is how many to find at most, 1 or more.
	Limit int
}

// FindProducts finds active products whose title begins with a text, then those whose brand does, then those in
// categories whose name does; each in the order of the names. It is what a shop can answer without a search engine.
// Each kind is cut off at the limit before the filters. One round trip, fresh.
func (c *Catalog) FindProducts(ctx context.Context, f FindFilter) ([]uuid.UUID, error) {
	text := strings.ToLower(strings.TrimSpace(f.Text))
	// $1 = first text of the range, $2 = text behind its end, $3 = category, $4 = brands, $5 = limit
	found, err := database.List(ctx, c.db, pgx.RowTo[uuid.UUID], `
SELECT f.id
FROM (
  (SELECT p.id, 1 AS kind, lower(p.title) AS name
   FROM products p
   WHERE lower(p.title) >= $1::text AND lower(p.title) < $2::text
   ORDER BY lower(p.title)
   LIMIT $5::int8)
  UNION ALL
  (SELECT p.id, 2 AS kind, lower(p.brand) AS name
   FROM products p
   WHERE lower(p.brand) >= $1::text AND lower(p.brand) < $2::text AND $1::text <> ''
   ORDER BY lower(p.brand)
   LIMIT $5::int8)
  UNION ALL
  (SELECT cp.product_id AS id, 3 AS kind, lower(c.name) AS name
   FROM categories c
   JOIN category_products cp ON cp.category_id = c.id
   WHERE lower(c.name) >= $1::text AND lower(c.name) < $2::text AND $1::text <> ''
   LIMIT $5::int8)
) f
JOIN products p ON p.id = f.id AND p.status = 'active' AND (cardinality($4::text[]) = 0 OR p.brand = ANY($4::text[]))
WHERE $3::text = '' OR EXISTS (SELECT 1 FROM category_products x WHERE x.category_id = $3::text AND x.product_id = f.id)
GROUP BY f.id
ORDER BY min(f.kind), min(f.name), min(p.title), f.id
LIMIT $5::int8`, text, text+lastRune, f.CategoryID, append([]string{}, f.Brands...), f.Limit)
	if err != nil {
		return nil, fmt.Errorf("find products: %w", err)
	}
	return found, nil
}

// lastRune is behind every letter, so that a text with it ends the range of those that begin with the text.
const lastRune = "\U0010FFFD"
