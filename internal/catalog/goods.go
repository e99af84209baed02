package catalog

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Goods name parts of the catalogue: products, SKUs and categories by their ids, brands as products spell them.
type Goods struct {
	Products                 []uuid.UUID
	SKUs, Categories, Brands []string
}

// Unknown returns which goods the catalogue does not have, in whatever state. One round trip.
func (c *Catalog) Unknown(ctx context.Context, named Goods) (Goods, error) {
	var unknown Goods
	err := c.db.Read(ctx, func(b *database.Batch) error {
		QueueUnknown(b, named, &unknown)
		return nil
	})
	if err != nil {
		return Goods{}, fmt.Errorf("look for goods: %w", err)
	}
	return unknown, nil
}

// QueueUnknown adds to a batch the reading of which goods the catalogue does not have, in whatever state.
func QueueUnknown(b *database.Batch, named Goods, into *Goods) {
	*into = Goods{}
	queueUnknown(b, named.Products, &into.Products, `
SELECT a.id
FROM unnest($1::uuid[]) AS a (id)
WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.id = a.id)`)
	queueUnknown(b, named.SKUs, &into.SKUs, `
SELECT a.sku
FROM unnest($1::text[]) AS a (sku)
WHERE NOT EXISTS (SELECT 1 FROM skus s WHERE s.sku = a.sku)`)
	queueUnknown(b, named.Categories, &into.Categories, `
SELECT a.id
FROM unnest($1::text[]) AS a (id)
WHERE NOT EXISTS (SELECT 1 FROM categories c WHERE c.id = a.id)`)
	queueUnknown(b, named.Brands, &into.Brands, `
SELECT a.brand
FROM unnest($1::text[]) AS a (brand)
WHERE NOT EXISTS (SELECT 1 FROM products p WHERE lower(p.brand) = lower(a.brand) AND p.brand = a.brand)`)
}

func queueUnknown[T any](b *database.Batch, named []T, into *[]T, sql string) {
	if len(named) > 0 {
		b.Queue(sql, named).Query(database.Collect(into, pgx.RowTo[T]))
	}
}
