// Package seed writes rows into a test's database with SQL of its own: products, customers, orders. It is for tests of
// packages that stand too low in the tree to have the shop make those rows, and for rows that the shop would not make.
package seed

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// Seller is the id of the seller of all seeded products, whose slug is acme.
var Seller = uuid.MustParse("00000000-0000-4000-8000-000000000001")

// Product is a product of the seller acme in the category hg (Home).
type Product struct {
	Slug        string // its key and, with a capital, its title as well
	Status      string // active unless set
	TaxCategory string // standard unless set
	Images      []string
	SKUs        []SKU
}

// SKU is a SKU of a product, with catalogue prices for one unit that are in force since 2020. Its base currency is EUR
// where it has a price in EUR.
type SKU struct {
	Code    string
	Status  string // active unless set
	Options map[string]string
	Prices  map[string]int64 // by currency, in minor units
}

// ProductID returns the id of the seeded product with that slug.
func ProductID(slug string) uuid.UUID { return uuid.NewMD5(uuid.Nil, []byte(slug)) }

// Products adds products, with the seller and the category where they are not there yet.
func Products(t testing.TB, db *database.DB, products ...Product) {
	t.Helper()
	type row map[string]any
	var goods, skus, prices []row
	for _, p := range products {
		id := ProductID(p.Slug)
		goods = append(goods, row{
			"id": id, "slug": p.Slug, "title": strings.ToUpper(p.Slug[:1]) + p.Slug[1:], "images": append([]string{}, p.Images...),
			"status": cmp.Or(p.Status, "active"), "tax_category": cmp.Or(p.TaxCategory, "standard"),
		})
		for _, s := range p.SKUs {
			options := s.Options
			if options == nil {
				options = map[string]string{}
			}
			base := ""
			if _, ok := s.Prices["EUR"]; ok {
				base = "EUR"
			}
			skus = append(skus, row{
				"sku": s.Code, "product_id": id, "options": options, "status": cmp.Or(s.Status, "active"), "base_currency": base,
			})
			for currency, amount := range s.Prices {
				prices = append(prices, row{"sku": s.Code, "list": "catalogue-" + currency, "amount_minor": amount})
			}
		}
	}
	document := func(rows []row) string { return string(testkit.Must(json.Marshal(append([]row{}, rows...)))(t)) }
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`INSERT INTO sellers (id, slug, name) VALUES ($1, 'acme', 'Acme') ON CONFLICT DO NOTHING`, Seller)
		b.Queue(`INSERT INTO categories (id, slug, name, path, level) VALUES ('hg', 'home', 'Home', '/hg/', 1) ON CONFLICT DO NOTHING`)
		b.Queue(`
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, tax_category, images, status)
SELECT p.id, $1, p.slug, p.slug, p.title, 'hg', p.tax_category, p.images, p.status
FROM jsonb_to_recordset($2::text::jsonb) AS p (id UUID, slug TEXT, title TEXT, tax_category TEXT, images JSONB, status TEXT)`,
			Seller, document(goods))
		b.Queue(`
INSERT INTO skus (sku, product_id, options, status, base_currency)
SELECT s.sku, s.product_id, s.options, s.status, s.base_currency
FROM jsonb_to_recordset($1::text::jsonb) AS s (sku TEXT, product_id UUID, options JSONB, status TEXT, base_currency TEXT)`, document(skus))
		b.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT e.sku, e.list, 1, '2020-01-01', e.amount_minor
FROM jsonb_to_recordset($1::text::jsonb) AS e (sku TEXT, list TEXT, amount_minor INT8)`, document(prices))
		return nil
	}))
}

// Account adds a customer of a region and returns a reference to them. Their email address is in no directory.
func Account(t testing.TB, db *database.DB, region string) regions.Ref {
	t.Helper()
	ref := regions.Ref{Region: region, ID: uuid.New()}
	databasetest.Exec(t, db, `
INSERT INTO accounts (region, id, email, email_hash, name, country, password_hash)
VALUES ($1, $2, 'ann@example.com', $3, 'Ann', 'IE', 'x')`, ref.Region, ref.ID, ref.ID[:])
	return ref
}

// Order is an order in euro to Ireland, without a history or a payment.
type Order struct {
	Ref        regions.Ref
	Account    uuid.NullUUID
	Status     string // pending_payment unless set
	Transition uuid.UUID
	Regions    []string // of its stock
	TotalMinor int64
	Products   []uuid.UUID // one line of one unit each
}

// NewOrder returns an order of a region that is waiting for its payment.
func NewOrder(region string) Order {
	return Order{Ref: regions.Ref{Region: region, ID: uuid.New()}, Transition: uuid.New()}
}

// Queue inserts the order's rows.
func (o Order) Queue(b *database.Batch) {
	reason := ""
	if o.Status == "cancelled" {
		reason = "expired"
	}
	b.Queue(`
INSERT INTO orders (region, id, account_id, cart_region, cart_id, status, cancel_reason, transition_id, stock_regions, currency, country,
  subtotal_minor, shipping_minor, tax_minor, total_minor, prices_include_tax, email, ship_to, expires_at)
SELECT $1, $2, $3, $1, gen_random_uuid(), $4, $5, $6,
  ARRAY(SELECT DISTINCT p.region::crdb_internal_region FROM unnest($7::text[]) AS p (region)),
  'EUR', 'IE', $8, 0, 0, $8, true, 'ann@example.com', '{}', $9`,
		o.Ref.Region, o.Ref.ID, o.Account, cmp.Or(o.Status, "pending_payment"), reason, o.Transition, o.Regions, o.TotalMinor,
		time.Now().Add(time.Hour))
	for i, product := range o.Products {
		b.Queue(`
INSERT INTO order_lines (region, order_id, line_no, sku, product_id, title, quantity, unit_price_minor, subtotal_minor, tax_rate_bp,
  tax_minor, total_minor)
VALUES ($1, $2, $3, 'SKU', $4, '', 1, 0, 0, 0, 0, 0)`, o.Ref.Region, o.Ref.ID, i+1, product)
	}
}

// Insert inserts the order's rows by themselves.
func (o Order) Insert(t testing.TB, db *database.DB) {
	t.Helper()
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error { o.Queue(b); return nil }))
}
