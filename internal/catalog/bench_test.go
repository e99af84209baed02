package catalog

import (
	"fmt"
	"strings"
	"testing"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

const benchLines = 5000

// benchFile is a file of products of one SKU with two prices.
func benchFile(round int) string {
	var text strings.Builder
	for i := range benchLines {
		fmt.Fprintf(&text, `{"key":"k%[1]d-%[2]d","title":"Mug number %[2]d","description":"A mug to drink from","brand":"Acme","category":"hg-11-6","attributes":{"material":"china","pieces":2},"skus":[{"sku":"S%[1]d-%[2]d","options":{"colour":"red"},"weight_grams":310,"prices":{"GBP":295,"EUR":350}}]}`+"\n", round, i)
	}
	return text.String()
}

// BenchmarkImport imports new products.
func BenchmarkImport(b *testing.B) {
	s := newShop(b)
	for round := 0; b.Loop(); round++ {
		s.load(b, s.input(FormatNDJSON, KeepGood, benchFile(round)))
	}
	b.ReportMetric(float64(b.N)*benchLines/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkImportUnchanged imports what is there already.
func BenchmarkImportUnchanged(b *testing.B) {
	s := newShop(b)
	text := benchFile(0)
	s.load(b, s.input(FormatNDJSON, KeepGood, text))
	for b.Loop() {
		s.load(b, s.input(FormatNDJSON, KeepGood, text))
	}
	b.ReportMetric(float64(b.N)*benchLines/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkBareInsert is BenchmarkImport's counterpart: the same rows of the same tables by
// multi-row inserts of a chunk each, without reading, checking, comparing, or keeping count.
func BenchmarkBareInsert(b *testing.B) {
	s := newShop(b)
	for round := 0; b.Loop(); round++ {
		for first := 0; first < benchLines; first += chunkProducts {
			testkit.NoError(b, s.db.Write(b.Context(), func(batch *database.Batch) error {
				for _, sql := range bareInserts {
					batch.Queue(sql, fmt.Sprint(round), first, first+chunkProducts-1, s.seller)
				}
				return nil
			}))
		}
	}
	b.ReportMetric(float64(b.N)*benchLines/b.Elapsed().Seconds(), "lines/s")
}

// bareInserts make their rows on the server, from $1 = round, $2 = first, $3 = last, $4 = seller.
var bareInserts = []string{`
INSERT INTO products (id, seller_id, seller_key, slug, title, description, brand, category_id, attributes, status)
SELECT md5($1::text || '-' || i)::uuid, $4::uuid, 'k' || $1::text || '-' || i, 'mug-number-' || i || '-' || $1::text,
       'Mug number ' || i, 'A mug to drink from', 'Acme', 'hg-11-6', '{"material":"china","pieces":2}', 'active'
FROM generate_series($2::int8, $3::int8) i`, `
INSERT INTO skus (sku, product_id, options, weight_grams)
SELECT 'S' || $1::text || '-' || i, md5($1::text || '-' || i)::uuid, '{"colour":"red"}', 310
FROM generate_series($2::int8, $3::int8) i WHERE $4::uuid IS NOT NULL`, `
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT 'S' || $1::text || '-' || i, 'catalogue-' || c, 1, now(), 295
FROM generate_series($2::int8, $3::int8) i, unnest(ARRAY['GBP', 'EUR']) c WHERE $4::uuid IS NOT NULL`, `
INSERT INTO category_products (category_id, product_id, listed_at)
SELECT c, md5($1::text || '-' || i)::uuid, now()
FROM generate_series($2::int8, $3::int8) i, unnest(ARRAY['hg', 'hg-11', 'hg-11-6']) c WHERE $4::uuid IS NOT NULL`, `
INSERT INTO outbox (region, topic, key, payload)
SELECT 'us-east'::crdb_internal_region, 'product.changed', 'prd_' || $1::text || i, '{"status":"active"}'
FROM generate_series($2::int8, $3::int8) i WHERE $4::uuid IS NOT NULL`}

// BenchmarkGetProduct reads a product from memory.
func BenchmarkGetProduct(b *testing.B) {
	s := newShop(b)
	p := s.create(b, mug("m1", "A"))
	s.mustPoll(b)
	for b.Loop() {
		testkit.Must(s.GetProduct(b.Context(), p.Slug))(b)
	}
}
