package bench

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/fx"
)

const (
	// skusOfProduct is how many SKUs a product has.
	skusOfProduct = 10
	// loadedAtOnce is how many SKUs one transaction writes.
	loadedAtOnce = 10_000
)

// benchSeller is who sells what is loaded.
var benchSeller = uuid.MustParse("be9c0000-0000-4000-8000-000000000001")

// benchSKUs are the codes of loaded SKUs, from one to before another.
func benchSKUs(from, to int) []string {
	skus := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		skus = append(skus, fmt.Sprintf("BENCH-%06d", i))
	}
	return skus
}

// loadPrices writes products, SKUs and prices straight into the database, and the exchange
// rates that come with the program.
func (r *run) loadPrices(ctx context.Context) error {
	rates, err := fx.New(fx.Config{DB: r.db})
	if err != nil {
		return err
	}
	if _, err := rates.Import(ctx, fx.Shipped(), "system"); err != nil {
		return err
	}
	err = r.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
INSERT INTO sellers (id, slug, name)
VALUES ($1, 'bench-prices', 'Benchmark')
ON CONFLICT (id) DO NOTHING`, benchSeller)
		b.Queue(`
INSERT INTO categories (id, slug, name, path, level)
VALUES ('bench-prices', 'bench-prices', 'Benchmark', '/bench-prices/', 1)
ON CONFLICT (id) DO NOTHING`)
		return nil
	})
	for from := 0; err == nil && from < r.SKUs; from += loadedAtOnce {
		err = r.loadGoods(ctx, from, min(from+loadedAtOnce, r.SKUs))
	}
	return err
}

// loadGoods writes SKUs from one to before another. All of it is a minute old: the shop's pods,
// which ask each second what has changed lately, need not forget what they have never seen.
func (r *run) loadGoods(ctx context.Context, from, to int) error {
	skus := benchSKUs(from, to)
	products, ofSKU := make([]uuid.UUID, 0, len(skus)/skusOfProduct+1), make([]uuid.UUID, len(skus))
	taxes, amounts := make([]string, 0, cap(products)), make([]int64, len(skus))
	for i := range skus {
		if i%skusOfProduct == 0 {
			taxes = append(taxes, [...]string{"standard", "standard", "standard", "reduced", "zero"}[len(products)%5])
			products = append(products, uuid.New())
		}
		ofSKU[i], amounts[i] = products[len(products)-1], int64(199+(from+i)*7919%50_000)
	}
	var currencies []string
	for _, c := range priceCurrencies[:len(priceCurrencies)/2] {
		currencies = append(currencies, string(c))
	}
	return r.db.Write(ctx, func(b *database.Batch) error {
		b.Queue(`
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, tax_category, status, created_at, updated_at)
SELECT p.id, $1::uuid, p.id::text, p.id::text, 'Benchmark', 'bench-prices', p.tax, 'active', now() - INTERVAL '1 minute', now() - INTERVAL '1 minute'
FROM unnest($2::uuid[], $3::text[]) AS p (id, tax)`, benchSeller, products, taxes)
		b.Queue(`
INSERT INTO category_products (category_id, product_id, listed_at)
SELECT 'bench-prices', p.id, now() - INTERVAL '1 minute'
FROM unnest($1::uuid[]) AS p (id)`, products)
		b.Queue(`
INSERT INTO skus (sku, product_id, base_currency)
SELECT s.sku, s.product, 'EUR'
FROM unnest($1::text[], $2::uuid[]) AS s (sku, product)`, skus, ofSKU)
		b.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor, changed_at)
SELECT s.sku, 'catalogue-' || c.code, 1, now() - INTERVAL '1 day', s.amount, now() - INTERVAL '1 minute'
FROM unnest($1::text[], $2::int8[]) AS s (sku, amount)
CROSS JOIN unnest($3::text[]) AS c (code)`, skus, amounts, currencies)
		return nil
	})
}
