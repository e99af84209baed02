package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// GetSellerProduct returns a product of the seller in any state, fresh, with its archived
// SKUs; or ErrNotFound. One round trip.
func (c *Catalog) GetSellerProduct(ctx context.Context, seller, id uuid.UUID) (Product, error) {
	p, err := database.One(ctx, c.db, scanProduct, `
SELECT `+productColumns+`
FROM products p
WHERE p.id = $1 AND p.seller_id = $2`, id, seller)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Product{}, ErrNotFound
	case err != nil:
		return Product{}, fmt.Errorf("get seller's product: %w", err)
	}
	return p, nil
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
	products, err := database.List(ctx, c.db, scanProduct, `
SELECT `+productColumns+`
FROM products p
WHERE p.seller_id = $1 AND p.seller_key > $2 AND ($3::text = '' OR p.status = $3)
ORDER BY p.seller_key
LIMIT $4`, f.Seller, f.Start(), string(f.Status), f.Rows())
	if err != nil {
		return database.Page[Product, string]{}, fmt.Errorf("list seller's products: %w", err)
	}
	return database.NewPage(f.PageFilter, products, func(p Product) string { return p.Key }), nil
}
