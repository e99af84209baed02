package catalog

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/internal/pricing"
	"meridian/regions"
)

// A change is a product as a write makes it. The input has been validated and completed.
type change struct {
	id uuid.UUID
	in ProductInput
	// isNew says that there was no such product.
	isNew bool
}

// productInsert is a product's own row as a write makes it.
type productInsert struct {
	ID                             uuid.UUID
	SellerID                       uuid.UUID
	SellerKey, Slug, Title         string
	Description, Brand, CategoryID string
	TaxCategory                    TaxCategory
	Attributes, Images             string `cast:"jsonb"`
	Status                         Status
}

func newProductInsert(seller uuid.UUID, c change) (productInsert, error) {
	in := c.in
	row := productInsert{
		ID: c.id, SellerID: seller, SellerKey: in.Key, Slug: productSlug(in.Title, c.id), Title: in.Title, Description: in.Description,
		Brand: in.Brand, CategoryID: in.CategoryID, TaxCategory: in.TaxCategory, Attributes: "{}", Status: in.Status,
	}
	var err error
	if in.Attributes != nil {
		if row.Attributes, err = encodeJSON(in.Attributes); err != nil {
			return productInsert{}, fmt.Errorf("encode attributes: %w", err)
		}
	}
	images := make([]storedImage, len(in.Images))
	for i, image := range in.Images {
		images[i] = storedImage(image)
	}
	if row.Images, err = encodeJSON(images); err != nil {
		return productInsert{}, fmt.Errorf("encode images: %w", err)
	}
	return row, nil
}

// queueProducts writes the products' own rows, whatever their version. The slug of one that is
// there stays.
func queueProducts(b *database.Batch, seller uuid.UUID, changes []change) error {
	rows := make([]productInsert, len(changes))
	for i, c := range changes {
		var err error
		if rows[i], err = newProductInsert(seller, c); err != nil {
			return err
		}
	}
	database.QueueInsert(b, "products", rows, `ON CONFLICT (id) DO UPDATE
SET title = excluded.title, description = excluded.description, brand = excluded.brand,
    category_id = excluded.category_id, tax_category = excluded.tax_category, attributes = excluded.attributes,
    images = excluded.images, status = excluded.status, version = products.version + 1, updated_at = now()`)
	return nil
}

// queueContents writes what belongs to the products besides their own rows, which stand
// before it in the batch: SKUs, prices, listing and events.
func (c *Catalog) queueContents(b *database.Batch, region string, changes []change) error {
	var ids, known []uuid.UUID
	for _, change := range changes {
		ids = append(ids, change.id)
		if !change.isNew {
			known = append(known, change.id)
		}
	}
	if len(known) > 0 {
		queueArchiveSKUs(b, known, changes)
	}
	if err := queueSKUs(b, changes); err != nil {
		return err
	}
	c.queuePrices(b, changes)
	if len(known) > 0 {
		queueRelist(b, `p.id = ANY($1::uuid[])`, ids)
	} else {
		queueList(b, `p.id = ANY($1::uuid[])`, ids)
	}
	return queueEvents(b, region, changes)
}

// queueArchiveSKUs archives the SKUs that are no longer named by their products.
func queueArchiveSKUs(b *database.Batch, products []uuid.UUID, changes []change) {
	var named []string
	for _, c := range changes {
		for _, sku := range c.in.SKUs {
			named = append(named, sku.Code)
		}
	}
	b.Queue(`
UPDATE skus
SET status = 'archived'
WHERE product_id = ANY($1::uuid[]) AND status = 'active' AND NOT (sku = ANY($2::text[]))`, products, named)
}

// skuInsert is a SKU's row as a write makes it.
type skuInsert struct {
	SKU         string `db:"sku"`
	ProductID   uuid.UUID
	Position    int64
	Barcode     string
	Options     string `cast:"jsonb"`
	WeightGrams int64
}

// queueSKUs writes the products' SKUs. One that another product has fails the batch by
// skus_weight_not_negative: see writeError.
func queueSKUs(b *database.Batch, changes []change) error {
	var rows []skuInsert
	for _, c := range changes {
		for i, sku := range c.in.SKUs {
			text := "{}"
			if len(sku.Options) > 0 {
				var err error
				if text, err = encodeJSON(sku.Options); err != nil {
					return fmt.Errorf("encode options: %w", err)
				}
			}
			rows = append(rows, skuInsert{sku.Code, c.id, int64(i), sku.Barcode, text, sku.WeightGrams})
		}
	}
	database.QueueInsert(b, "skus", rows, `ON CONFLICT (sku) DO UPDATE
SET position = excluded.position, barcode = excluded.barcode, options = excluded.options, status = 'active',
    -- a SKU of another product is refused by the CHECK on its weight
    weight_grams = CASE WHEN skus.product_id = excluded.product_id THEN excluded.weight_grams ELSE -1 END`)
	return nil
}

// maxPricesAtOnce is what one call of pricing.QueueSet takes.
const maxPricesAtOnce = 1000

// queuePrices sets the prices. Those of a SKU stay together: all of them decide on its base
// currency.
func (c *Catalog) queuePrices(b *database.Batch, changes []change) {
	var prices []pricing.Price
	for _, change := range changes {
		for _, sku := range change.in.SKUs {
			if len(prices)+len(sku.Prices) > maxPricesAtOnce {
				pricing.QueueSet(b, prices, c.priceLead)
				prices = nil
			}
			for currency, amount := range sku.Prices {
				prices = append(prices, pricing.Price{SKU: sku.Code, Currency: currency, AmountMinor: amount})
			}
		}
	}
	pricing.QueueSet(b, prices, c.priceLead)
}

// queueRelist makes the listing of the products p that the condition, on $1, takes what it
// should be.
func queueRelist(b *database.Batch, condition string, arg any) {
	queueList(b, condition, arg)
	b.Queue(`
DELETE FROM category_products cp
USING products p, categories c
WHERE `+condition+` AND cp.product_id = p.id AND c.id = p.category_id
  AND (p.status <> 'active' OR NOT (cp.category_id = ANY(string_to_array(btrim(c.path, '/'), '/'))))`, arg)
}

// queueList lists the active ones of the products p in their categories. A product that is
// listed already keeps its place.
func queueList(b *database.Batch, condition string, arg any) {
	b.Queue(`
INSERT INTO category_products (category_id, product_id, listed_at)
SELECT a.id, p.id, coalesce((SELECT min(l.listed_at) FROM category_products l WHERE l.product_id = p.id), now())
FROM products p
JOIN categories c ON c.id = p.category_id
CROSS JOIN LATERAL unnest(string_to_array(btrim(c.path, '/'), '/')) AS a (id)
WHERE `+condition+` AND p.status = 'active'
ON CONFLICT (category_id, product_id) DO NOTHING`, arg)
}

// queueEvents writes product.changed for each product.
func queueEvents(b *database.Batch, region string, changes []change) error {
	events := make([]outbox.Event, len(changes))
	for i, c := range changes {
		events[i] = changedEvent(region, c.id, c.in.Status)
	}
	return outbox.Queue(b, events...)
}

func changedEvent(region string, product uuid.UUID, status Status) outbox.Event {
	return outbox.Event{
		Region:  region,
		Topic:   "product.changed",
		Key:     regions.FormatGlobalID(regions.ProductPrefix, product),
		Payload: map[string]any{"status": status},
	}
}

// queueRead reads a product at the end of the batch that wrote it, as its seller sees it. It fails with pgx.ErrNoRows
// where there is none.
func queueRead(b *database.Batch, id uuid.UUID, into *Product) {
	queueFind(b, choice{sql: `SELECT id FROM products WHERE id = $1`, args: []any{id}}, func(found []foundProduct) error {
		if len(found) == 0 {
			return pgx.ErrNoRows
		}
		*into = found[0].Product
		return found[0].fault
	})
}

// sameContent reports whether writing the input would change nothing of the product.
func sameContent(p Product, in ProductInput) (bool, error) {
	if p.Title != in.Title || p.Description != in.Description || p.Brand != in.Brand || p.CategoryID != in.CategoryID ||
		p.TaxCategory != in.TaxCategory || p.Status != in.Status || !slices.Equal(p.Images, in.Images) {
		return false, nil
	}
	active := p.activeSKUs()
	if len(active) != len(in.SKUs) {
		return false, nil
	}
	for i, sku := range in.SKUs {
		if !sameSKU(active[i], sku) {
			return false, nil
		}
	}
	if len(p.Attributes) != len(in.Attributes) {
		return false, nil
	}
	if len(in.Attributes) == 0 {
		return true, nil
	}
	before, err := encodeJSON(p.Attributes)
	if err != nil {
		return false, fmt.Errorf("encode attributes: %w", err)
	}
	after, err := encodeJSON(in.Attributes)
	return before == after, err
}

func sameSKU(s SKU, in SKUInput) bool {
	if s.Code != in.Code || s.Barcode != in.Barcode || s.WeightGrams != in.WeightGrams || len(s.Options) != len(in.Options) {
		return false
	}
	for name, value := range in.Options {
		if before, ok := s.Options[name]; !ok || before != value {
			return false
		}
	}
	return samePrices(pricing.LatestPrices(s.Entries), in.Prices)
}

// samePrices compares the prices that are named.
func samePrices(before, named map[money.Currency]int64) bool {
	for currency, amount := range named {
		if was, ok := before[currency]; !ok || was != amount {
			return false
		}
	}
	return true
}
