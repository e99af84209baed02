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
	// AfterKey is the key of the last product of the page before; empty begins.
	AfterKey string
	// Limit is how many to return at most, 1 or more.
	Limit int
}

// ListSellerProducts returns products of the seller in any state by their keys, fresh, and
// whether there are more. One round trip.
func (c *Catalog) ListSellerProducts(ctx context.Context, f SellerListFilter) (products []Product, more bool, err error) {
	// $1 = seller, $2 = key, $3 = status, $4 = limit
	products, err = database.List(ctx, c.db, scanProduct, `
SELECT `+productColumns+`
FROM products p
WHERE p.seller_id = $1 AND p.seller_key > $2 AND ($3::text = '' OR p.status = $3)
ORDER BY p.seller_key
LIMIT $4`, f.Seller, f.AfterKey, string(f.Status), f.Limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("list seller's products: %w", err)
	}
	if len(products) > f.Limit {
		return products[:f.Limit], true, nil
	}
	return products, false, nil
}
