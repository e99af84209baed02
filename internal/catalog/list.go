package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

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
	found, err := c.find(ctx, f.choice())
	if err != nil {
		return ProductPage{}, fmt.Errorf("list products: %w", err)
	}
	page := database.NewPage(f.PageFilter, found, foundProduct.position)
	products, err := wholeProducts(page.Items)
	if err != nil {
		return ProductPage{}, fmt.Errorf("list products: %w", err)
	}
	for i := range products {
		products[i] = products[i].public()
	}
	return ProductPage{Items: products, Next: page.Next}, nil
}

// choice returns which products are listed: a page of a category is one range of category_products_listed_idx; the whole
// shop is the ranges of its root categories, merged.
func (f ListFilter) choice() choice {
	args := []any{f.Rows()}
	arg := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	where, brand := "", ""
	if f.After != nil {
		where = " AND (cp.listed_at, cp.product_id) < (" + arg(f.After.ListedAt) + ", " + arg(f.After.ID) + ")"
	}
	if f.Brand != "" {
		brand = "\n  JOIN products b ON b.id = cp.product_id AND b.brand = " + arg(f.Brand)
	}
	of := func(category string) string {
		return `
  SELECT cp.product_id AS id, cp.listed_at
  FROM category_products cp` + brand + `
  WHERE cp.category_id = ` + category + where + `
  ORDER BY cp.listed_at DESC, cp.product_id DESC
  LIMIT $1::int8`
	}
	var sql string
	if f.CategoryID != "" {
		sql = of(arg(f.CategoryID))
	} else {
		sql = `
  SELECT l.id, l.listed_at
  FROM categories r
  CROSS JOIN LATERAL (` + of("r.id") + `
  ) AS l
  WHERE r.parent_id IS NULL
  ORDER BY l.listed_at DESC, l.id DESC
  LIMIT $1::int8`
	}
	return choice{sql: sql, args: args, columns: ", n.listed_at", order: "\nORDER BY n.listed_at DESC, n.id DESC"}
}

// position returns where a product stands in a listing.
func (p foundProduct) position() ListPosition { return ListPosition{ListedAt: p.at, ID: p.ID} }
