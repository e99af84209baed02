package catalog

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meridian/internal/database"
)

// GetSellerProduct returns a product of the seller in any state, fresh, with its archived
// SKUs; or ErrNotFound. One round trip.
func (c *Catalog) GetSellerProduct(ctx context.Context, seller, id uuid.UUID) (Product, error) {
	products, err := c.read(ctx, choice{sql: `SELECT id FROM products WHERE id = $1 AND seller_id = $2`, args: []any{id, seller}})
	switch {
	case err != nil:
		return Product{}, fmt.Errorf("get seller's product: %w", err)
	case len(products) == 0:
		return Product{}, ErrNotFound
	}
	return products[0], nil
}

// SellerListFilter says which of a seller's products to list.
type SellerListFilter struct {
	Seller uuid.UUID
	// Status is a state, or empty for all.
	Status Status
	// Products are listed by their keys, which are their positions.
	database.PageFilter[string]
}

// ListSellerProducts returns a page of the seller's products in any state by their keys, fresh. One round trip.
func (c *Catalog) ListSellerProducts(ctx context.Context, f SellerListFilter) (database.Page[Product, string], error) {
	// $1 = seller, $2 = key, $3 = status, $4 = limit
	products, err := c.read(ctx, choice{
		sql: `
  SELECT id
  FROM products
  WHERE seller_id = $1 AND seller_key > $2 AND ($3::text = '' OR status = $3)
  ORDER BY seller_key
  LIMIT $4::int8`,
		args:  []any{f.Seller, f.Start(), string(f.Status), f.Rows()},
		order: "\nORDER BY p.seller_key",
	})
	if err != nil {
		return database.Page[Product, string]{}, fmt.Errorf("list seller's products: %w", err)
	}
	return database.NewPage(f.PageFilter, products, func(p Product) string { return p.Key }), nil
}
