package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/regions"
)

// CreateInput is a product to be created.
type CreateInput struct {
	Seller  uuid.UUID
	Product ProductInput
	// Idempotency makes the call safe to repeat; its scope is the seller's public id.
	Idempotency idempotency.Key
}

// CreateProduct adds a product and returns it as its seller sees it. It returns
// *invalid.Error, ErrKeyTaken, *SKUTakenError, ErrNotFound for an unknown seller, and for a
// repetition *idempotency.Replay or idempotency.ErrReused. One round trip.
func (c *Catalog) CreateProduct(ctx context.Context, in CreateInput) (Product, error) {
	if err := in.Product.Validate(); err != nil {
		return Product{}, err
	}
	created := change{id: uuid.New(), in: in.Product.withDefaults(), isNew: true}
	publicID := regions.FormatGlobalID(regions.ProductPrefix, created.id)
	if created.in.Key == "" {
		created.in.Key = publicID
	}
	write := c.db.Write
	if in.Idempotency.Key != "" {
		write = c.db.WriteIdempotent
	}
	var p Product
	err := write(ctx, func(b *database.Batch) error {
		in.Idempotency.QueueClaim(b, idempotency.Answer{Resource: publicID, Status: http.StatusCreated})
		if err := queueProducts(b, in.Seller, []change{created}); err != nil {
			return err
		}
		if err := c.queueContents(b, c.db.Region(), []change{created}); err != nil {
			return err
		}
		queueRead(b, created.id, &p)
		return nil
	})
	if idempotency.Taken(err) {
		return Product{}, idempotency.Find(ctx, c.db, in.Idempotency)
	}
	if err != nil {
		return Product{}, fmt.Errorf("create product: %w", c.writeError(ctx, created, err))
	}
	c.cache.forget(p.ID, p.Slug, atVersion(p.Version))
	return p, nil
}

// writeError returns the error that the refusal of a write stands for.
func (c *Catalog) writeError(ctx context.Context, written change, err error) error {
	switch {
	case database.Violates(err, "products_seller_key_key"):
		return ErrKeyTaken
	case database.Violates(err, "products_seller_fkey"):
		return ErrNotFound
	case database.Violates(err, "products_category_fkey"):
		return invalid.New("product", unknownCategory.Name, unknownCategory.Remedy)
	case database.Violates(err, "skus_weight_not_negative"):
		return c.takenSKU(ctx, written, err)
	}
	return err
}

var unknownCategory = invalid.Field{Name: "category", Remedy: "must be the id of a category; GET /v1/categories lists them"}

// takenSKU finds out which SKU another product has.
func (c *Catalog) takenSKU(ctx context.Context, written change, err error) error {
	var codes []string
	for _, sku := range written.in.SKUs {
		codes = append(codes, sku.Code)
	}
	taken, readErr := database.List(ctx, c.db, pgx.RowTo[string], `
SELECT sku
FROM skus
WHERE sku = ANY($1::text[]) AND product_id <> $2
ORDER BY sku
LIMIT 1`, codes, written.id)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	if len(taken) == 0 {
		return err
	}
	return &SKUTakenError{SKU: taken[0]}
}
