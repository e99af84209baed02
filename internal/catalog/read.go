package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/rating"
)

// A choice says which products to read.
type choice struct {
	// sql is a query of their ids (id), each once.
	sql  string
	args []any
	// columns are more columns of the choice n, which rows go to foundProduct.more.
	columns string
	// order is an ORDER BY clause over the product p and the choice n; empty for any order.
	order string
	// unpriced leaves out the prices, which are most of the rows.
	unpriced bool
}

// A foundProduct is a product as it was read.
type foundProduct struct {
	Product
	// at is the choice's further column, if it has one.
	at time.Time
	// fault is why the JSON of the product cannot be read, if it cannot.
	fault error
}

// queueFind adds to a batch the reading of the products of a choice, with all their SKUs, which are then handed to
// take. Two flat statements, whatever the number of products: the products, and their SKUs with the prices. CockroachDB
// runs a subquery that makes JSON of a product's SKUs, or of a SKU's prices, once a row.
func queueFind(b *database.Batch, chosen choice, take func(found []foundProduct) error) {
	var found []foundProduct
	b.Queue(`
SELECT p.id, p.seller_id, p.seller_key, p.slug, p.title, p.description, p.brand, p.category_id, p.tax_category,
  p.attributes, p.images, p.status, p.version, p.created_at, p.updated_at,
  `+changes.VersionSQL+`, coalesce(r.stars_sum, 0), coalesce(r.ratings, 0)`+chosen.columns+`
FROM (`+chosen.sql+`) AS n
JOIN products p ON p.id = n.id
LEFT JOIN `+rating.TotalsSQL+` r ON r.product_id = p.id`+chosen.order, chosen.args...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (foundProduct, error) {
			return scanProduct(row, chosen.columns != "")
		})
		return err
	})
	columns, join, order := "", "", ""
	if !chosen.unpriced {
		columns, join, order = ", "+pricing.EntryColumnsSQL, pricing.JoinEntriesSQL("s.sku", ""), ", "+pricing.EntryOrderSQL
	}
	b.Queue(`
SELECT s.product_id, s.sku, s.barcode, s.options, s.weight_grams, s.status, s.base_currency`+columns+`
FROM (`+chosen.sql+`) AS n
JOIN skus s ON s.product_id = n.id`+join+`
ORDER BY s.product_id, s.status, s.position, s.sku`+order, chosen.args...).Query(func(rows pgx.Rows) error {
		if err := collectSKUs(rows, found, !chosen.unpriced); err != nil {
			return err
		}
		return take(found)
	})
}

func scanProduct(row pgx.CollectableRow, more bool) (foundProduct, error) {
	var p foundProduct
	var attributes, images []byte
	targets := []any{
		&p.ID, &p.SellerID, &p.Key, &p.Slug, &p.Title, &p.Description, &p.Brand, &p.CategoryID, &p.TaxCategory,
		&attributes, &images, &p.Status, &p.Version, &p.CreatedAt, &p.UpdatedAt, &p.Rules, &p.Rating.Stars, &p.Rating.Ratings,
	}
	if more {
		targets = append(targets, &p.at)
	}
	if err := row.Scan(targets...); err != nil {
		return foundProduct{}, err
	}
	var stored []storedImage
	p.decode(attributes, &p.Attributes)
	p.decode(images, &stored)
	for _, image := range stored {
		p.Images = append(p.Images, Image(image))
	}
	return p, nil
}

// decode reads JSON of the product, and notes where it cannot be read.
func (p *foundProduct) decode(text []byte, into any) {
	if text == nil || p.fault != nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		p.fault = fmt.Errorf("reading the JSON of product %s: %w", p.PublicID(), err)
	}
}

// collectSKUs gives the products their SKUs, which come a product at a time, and where they are priced with a row for each
// price.
func collectSKUs(rows pgx.Rows, products []foundProduct, priced bool) error {
	place := make(map[uuid.UUID]int, len(products))
	for i, p := range products {
		place[p.ID] = i
	}
	var product uuid.UUID
	var sku SKU
	var options []byte
	var entry pricing.EntryRow
	targets := []any{&product, &sku.Code, &sku.Barcode, &options, &sku.WeightGrams, &sku.Status, &sku.BaseCurrency}
	if priced {
		targets = append(targets, entry.Targets()...)
	}
	_, err := pgx.ForEachRow(rows, targets, func() error {
		i, known := place[product]
		if !known {
			return nil
		}
		p := &products[i]
		last := len(p.SKUs) - 1
		if last < 0 || p.SKUs[last].Code != sku.Code {
			p.SKUs = append(p.SKUs, sku)
			last++
			p.decode(options, &p.SKUs[last].Options)
		}
		if priced {
			p.SKUs[last].Entries = entry.AppendTo(p.SKUs[last].Entries)
		}
		return nil
	})
	return err
}

// wholeProducts returns products that could all be read, or the error of the first that could not.
func wholeProducts(found []foundProduct) ([]Product, error) {
	products := make([]Product, len(found))
	for i, p := range found {
		if p.fault != nil {
			return nil, p.fault
		}
		products[i] = p.Product
	}
	return products, nil
}

// find reads the products of a choice. One round trip.
func (c *Catalog) find(ctx context.Context, chosen choice) (found []foundProduct, err error) {
	err = c.db.Read(ctx, func(b *database.Batch) error {
		queueFind(b, chosen, func(products []foundProduct) error {
			found = products
			return nil
		})
		return nil
	})
	return found, err
}

// read does what find does for products that must all be readable.
func (c *Catalog) read(ctx context.Context, chosen choice) ([]Product, error) {
	found, err := c.find(ctx, chosen)
	if err != nil {
		return nil, err
	}
	return wholeProducts(found)
}
