package catalog

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"meridian/regions"
)

// GetProduct returns the active product with that public id or slug, or ErrNotFound. It
// makes no round trip when the answer is in memory, else one; callers that ask for the
// same product at the same time share it. The answer is at most MaxStaleness old.
func (c *Catalog) GetProduct(ctx context.Context, idOrSlug string) (Product, error) {
	key, ok := newProductKey(idOrSlug)
	if !ok {
		return Product{}, ErrNotFound
	}
	cached, err := c.cachedProduct(ctx, key)
	switch {
	case err != nil:
		return Product{}, fmt.Errorf("get product: %w", err)
	case !cached.visible:
		return Product{}, ErrNotFound
	}
	return cached.product, nil
}

func newProductKey(idOrSlug string) (key productKey, ok bool) {
	if id, err := regions.ParseGlobalID(regions.ProductPrefix, idOrSlug); err == nil {
		return productKey{id: id}, true
	}
	const longestSlug = maxSlug + 10
	return productKey{slug: idOrSlug}, idOrSlug != "" && len(idOrSlug) <= longestSlug
}

func (c *Catalog) cachedProduct(ctx context.Context, key productKey) (cachedProduct, error) {
	if !c.cache.mayAnswer() {
		return c.loadProduct(ctx, key)
	}
	return c.cache.products.Get(ctx, key, otter.LoaderFunc[productKey, cachedProduct](c.loadProduct))
}

// loadProduct reads a product for everyone to see; that there is none is an answer too.
func (c *Catalog) loadProduct(ctx context.Context, key productKey) (cachedProduct, error) {
	column, value := "id", any(key.id)
	if key.id == uuid.Nil {
		column, value = "slug", key.slug
	}
	products, err := c.read(ctx, choice{sql: `SELECT id FROM products WHERE ` + column + ` = $1 AND status = 'active'`, args: []any{value}})
	if err != nil || len(products) == 0 {
		return cachedProduct{}, err
	}
	return cachedProduct{product: products[0].public(), visible: true}, nil
}
