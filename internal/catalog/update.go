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
	// Product is the whole product as it is to be. Its key is ignored; of each SKU it must name every
	// currency that there is a price in.
	Product ProductInput
	// Gate keeps back prices that a second person has to approve; nil none.
	Gate *Gate
}

// UpdateProduct replaces a product and returns it as its seller sees it, with the prices that wait
// for a second person. It returns *invalid.Error, ErrVersionConflict, ErrNotFound and *SKUTakenError.
// Repeating it is a conflict. Two round trips, and those of the gate where prices jump.
func (c *Catalog) UpdateProduct(ctx context.Context, in UpdateInput) (Product, error) {
	if err := in.Product.Validate(); err != nil {
		return Product{}, err
	}
	before, err := c.GetSellerProduct(ctx, in.Seller, in.ID)
	if err != nil {
		return Product{}, err
	}
	if before.Version != in.Version {
		return Product{}, ErrVersionConflict
	}
	if err := checkPricesStay(before, in.Product); err != nil {
		return Product{}, err
	}
	updated := change{id: in.ID, in: in.Product.withDefaults()}
	waiting, queueWaiting, err := in.Gate.propose(ctx, in.Gate.keepBack(before, &updated.in))
	if err != nil {
		return Product{}, err
	}
	var p Product
	err = c.db.Write(ctx, func(b *database.Batch) error {
		queueWaiting(b)
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
	p.Waiting = waiting
	return p, nil
}

// queueUpdate writes the product's own row. Another version, and another seller's product,
// fail the batch by products_version_current. A product that is not there is no row here,
// and fails it by what follows: its SKUs' foreign key, or their owner.
func queueUpdate(b *database.Batch, in UpdateInput, updated change) error {
	row, err := newProductInsert(in.Seller, updated)
	if err != nil {
		return err
	}
	b.QueueArgs(`
UPDATE products
SET title = @title, description = @description, brand = @brand, category_id = @category, tax_category = @tax_category,
    attributes = @attributes::text::jsonb, images = @images::text::jsonb, status = @status, updated_at = now(),
    version = CASE WHEN seller_id = @seller AND version = @version THEN version + 1 ELSE -1 END
WHERE id = @id`, database.Args{
		"id": row.ID, "seller": row.SellerID, "version": in.Version, "title": row.Title, "description": row.Description, "brand": row.Brand,
		"category": row.CategoryID, "tax_category": row.TaxCategory, "attributes": row.Attributes, "images": row.Images, "status": row.Status,
	})
	return nil
}

// updateError returns the error that the refusal of an edit stands for.
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
