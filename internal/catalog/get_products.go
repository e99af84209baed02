package catalog

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// GetProducts returns those of the products that are active, by id. It makes no round trip when all are in memory, else
// one. The answer is at most MaxStaleness old.
func (c *Catalog) GetProducts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Product, error) {
	keys := make([]productKey, len(ids))
	for i, id := range ids {
		keys[i] = productKey{id: id}
	}
	var cached map[productKey]cachedProduct
	var err error
	if c.cache.mayAnswer() {
		cached, err = c.cache.products.BulkGet(ctx, keys, otter.BulkLoaderFunc[productKey, cachedProduct](c.loadProducts))
	} else {
		cached, err = c.loadProducts(ctx, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("get products: %w", err)
	}
	found := make(map[uuid.UUID]Product, len(cached))
	for key, one := range cached {
		if one.visible {
			found[key.id] = one.product
		}
	}
	return found, nil
}

// loadProducts reads products by their ids for everyone to see; that there is none is an answer too.
func (c *Catalog) loadProducts(ctx context.Context, keys []productKey) (map[productKey]cachedProduct, error) {
	ids := make([]uuid.UUID, len(keys))
	loaded := make(map[productKey]cachedProduct, len(keys))
	for i, key := range keys {
		ids[i] = key.id
		loaded[key] = cachedProduct{}
	}
	products, err := c.read(ctx, choice{sql: `SELECT id FROM products WHERE id = ANY($1::uuid[]) AND status = 'active'`, args: []any{ids}})
	if err != nil {
		return nil, err
	}
	for _, p := range products {
		loaded[productKey{id: p.ID}] = cachedProduct{product: p.public(), visible: true}
	}
	return loaded, nil
}
