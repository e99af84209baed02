package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// ListFilter says which active products to list.
type ListFilter struct {
	// CategoryID is a category, with all below it; empty is the whole shop.
	CategoryID string
	// Brand is compared exactly; empty is every brand.
	Brand string
	database.PageFilter[ListPosition]
}

// A ListPosition is where a product stands in a listing.
type ListPosition struct {
	ListedAt time.Time
	ID       uuid.UUID
}

// A ProductPage is a part of a listing of products.
type ProductPage = database.Page[Product, ListPosition]

// ListProducts lists active products, newest on sale first, with their SKUs and prices.
// Pages that follow each other hold every product that is listed all the while, each once,
// whatever is added meanwhile. One round trip, fresh.
func (c *Catalog) ListProducts(ctx context.Context, f ListFilter) (ProductPage, error) {
	// A page of a category is one range of category_products_listed_idx; the whole shop is
	// the ranges of its root categories, merged.
	args := []any{f.Rows()}
	arg := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	categories, after, brand := "r.parent_id IS NULL", "", ""
	if f.CategoryID != "" {
		categories = "r.id = " + arg(f.CategoryID)
	}
	if f.After != nil {
		after = "AND (cp.listed_at, cp.product_id) < (" + arg(f.After.ListedAt) + ", " + arg(f.After.ID) + ")"
	}
	if f.Brand != "" {
		brand = "JOIN products b ON b.id = cp.product_id AND b.brand = " + arg(f.Brand)
	}
	list, err := database.List(ctx, c.db, scanListed, `
SELECT `+productColumns+`, l.listed_at
FROM (
  SELECT n.product_id, n.listed_at
  FROM categories r
  CROSS JOIN LATERAL (
    SELECT cp.product_id, cp.listed_at
    FROM category_products cp
    `+brand+`
    WHERE cp.category_id = r.id `+after+`
    ORDER BY cp.listed_at DESC, cp.product_id DESC
    LIMIT $1::int8
  ) n
  WHERE `+categories+`
  ORDER BY n.listed_at DESC, n.product_id DESC
  LIMIT $1::int8
) l
JOIN products p ON p.id = l.product_id
ORDER BY l.listed_at DESC, l.product_id DESC`, args...)
	if err != nil {
		return ProductPage{}, fmt.Errorf("list products: %w", err)
	}
	page := database.NewPage(f.PageFilter, list, listed.position)
	products := make([]Product, len(page.Items))
	for i, l := range page.Items {
		products[i] = l.product
	}
	return ProductPage{Items: products, Next: page.Next}, nil
}

// A listed product is one with its place in the listing.
type listed struct {
	product Product
	at      time.Time
}

func scanListed(row pgx.CollectableRow) (listed, error) {
	var r productRow
	var l listed
	if err := row.Scan(append(r.targets(), &l.at)...); err != nil {
		return listed{}, err
	}
	p, err := r.product()
	l.product = p.public()
	return l, err
}

func (l listed) position() ListPosition { return ListPosition{ListedAt: l.at, ID: l.product.ID} }
