package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// UpdateInput is an edit of a product.
type UpdateInput struct {
	Seller uuid.UUID
	ID     uuid.UUID
	// Version is the one that the edit is based on.
	Version int64
	// Product is the whole product as it is to be. Its key is ignored.
	Product ProductInput
}

// UpdateProduct replaces a product and returns it as its seller sees it. It returns
// *invalid.Error, ErrVersionConflict, ErrNotFound and *SKUTakenError. Repeating it is a
// conflict. One round trip.
func (c *Catalog) UpdateProduct(ctx context.Context, in UpdateInput) (Product, error) {
	if err := in.Product.Validate(); err != nil {
		return Product{}, err
	}
	updated := change{id: in.ID, in: in.Product.withDefaults()}
	var p Product
	err := c.db.Write(ctx, func(b *database.Batch) error {
		if err := queueUpdate(b, in, updated); err != nil {
			return err
		}
		if err := c.queueContents(b, c.db.Region(), []change{updated}); err != nil {
			return err
		}
		queueRead(b, in.ID, &p)
		return nil
	})
	if err != nil {
		return Product{}, fmt.Errorf("update product: %w", c.updateError(ctx, in.Seller, updated, err))
	}
	c.cache.forget(p.ID, p.Slug, atVersion(p.Version))
	return p, nil
}

// queueUpdate writes the product's own row. Another version, and another seller's product,
// fail the batch by products_version_current. A product that is not there is no row here,
// and fails it by what follows: its SKUs' foreign key, or their owner.
func queueUpdate(b *database.Batch, in UpdateInput, updated change) error {
	texts, err := updated.in.texts()
	if err != nil {
		return err
	}
	// $1 = id, $2 = seller, $3 = version, $4 = title, $5 = description, $6 = brand, $7 = category,
	// $8 = tax category, $9 = attributes, $10 = images, $11 = status
	b.Queue(`
UPDATE products
SET title = $4, description = $5, brand = $6, category_id = $7, tax_category = $8, attributes = $9::text::jsonb,
    images = $10::text::jsonb, status = $11, updated_at = now(),
    version = CASE WHEN seller_id = $2 AND version = $3 THEN version + 1 ELSE -1 END
WHERE id = $1`,
		in.ID, in.Seller, in.Version, updated.in.Title, updated.in.Description, updated.in.Brand, updated.in.CategoryID,
		updated.in.TaxCategory, texts.attributes, texts.images, updated.in.Status)
	return nil
}

// updateError is what the refusal of an edit means.
func (c *Catalog) updateError(ctx context.Context, seller uuid.UUID, updated change, err error) error {
	switch {
	case database.Violates(err, "skus_product_fkey"), errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case database.Violates(err, "products_version_current"), database.Violates(err, "skus_weight_not_negative"):
		// The caller may learn of a conflict only in a product of theirs.
		if _, readErr := c.GetSellerProduct(ctx, seller, updated.id); readErr != nil {
			return readErr
		}
	}
	if database.Violates(err, "products_version_current") {
		return ErrVersionConflict
	}
	return c.writeError(ctx, updated, err)
}
