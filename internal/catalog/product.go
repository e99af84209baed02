package catalog

import (
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/rating"
	"meridian/regions"
)

// Status is where a product is in its life, or, for a SKU, whether it is sold.
type Status string

// The states of a product; a SKU is Active or Archived.
const (
	Draft    Status = "draft"
	Active   Status = "active"
	Archived Status = "archived"
)

// TaxCategory decides which of a country's tax rates a product bears.
type TaxCategory string

// The tax categories.
const (
	TaxStandard TaxCategory = "standard"
	TaxReduced  TaxCategory = "reduced"
	TaxZero     TaxCategory = "zero"
)

// A Product is something a seller lists, sold as one or more SKUs. What the catalogue
// returns may be shared with other callers: it is not to be changed.
type Product struct {
	ID       uuid.UUID
	SellerID uuid.UUID
	// Key is the seller's own name for it.
	Key string
	// Slug names it in the shop's URLs and never changes.
	Slug        string
	Title       string
	Description string
	Brand       string
	CategoryID  string
	TaxCategory TaxCategory
	// Attributes are free: texts, numbers, booleans, and lists and objects of these.
	Attributes map[string]any
	Images     []Image
	// SKUs stand in the seller's order; archived ones only in what the seller reads, last.
	SKUs   []SKU
	Status Status
	// Version counts edits, from 1.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	// Rules is the version of the price rules that there were when the product was read.
	Rules int64
	// Rating is what customers think of it.
	Rating rating.Total
}

// PublicID returns the product's id in the API: prd_ and 26 letters and digits.
func (p Product) PublicID() string { return regions.FormatGlobalID(regions.ProductPrefix, p.ID) }

// An Image is a picture by reference.
type Image struct {
	// URL is https, or a path on the shop's own host.
	URL string
	// Alt is the text for those who do not see it.
	Alt string
}

// A SKU is one sellable variant of a product.
type SKU struct {
	// Code names it in the whole shop.
	Code    string
	Barcode string
	// Options tell it from its siblings: colour, size.
	Options     map[string]string
	WeightGrams int64
	Status      Status
	// BaseCurrency is that of the price which others are converted from; empty without any.
	BaseCurrency money.Currency
	// Entries are the SKU's prices in all price lists, those of the last 365 days included.
	Entries []pricing.Entry
}

// PricedSKU returns what the SKU's price depends on.
func (p Product) PricedSKU(s SKU) *pricing.PricedSKU {
	return &pricing.PricedSKU{SKU: s.Code, BaseCurrency: s.BaseCurrency, TaxCategory: string(p.TaxCategory), Category: p.CategoryID,
		Sellable: s.Status == Active && p.Status == Active, Entries: s.Entries}
}

// Prices returns the catalogue's prices of one unit at a moment, in minor units.
func (s SKU) Prices(at time.Time) map[money.Currency]int64 {
	return pricing.CataloguePrices(s.Entries, at)
}

// productColumns is one product p with its SKUs and their prices, as scanProduct takes it; unpricedColumns is the same
// without the prices, which as JSON cost more than all the rest.
var (
	productColumns  = columnsBefore + entriesColumn + columnsAfter
	unpricedColumns = columnsBefore + columnsAfter
)

const columnsBefore = `
  p.id, p.seller_id, p.seller_key, p.slug, p.title, p.description, p.brand, p.category_id, p.tax_category,
  p.attributes, p.images, p.status, p.version, p.created_at, p.updated_at,
  (SELECT jsonb_agg(jsonb_build_object(
            'sku', s.sku, 'barcode', s.barcode, 'options', s.options, 'weight_grams', s.weight_grams, 'status', s.status,
            'base_currency', s.base_currency`

var entriesColumn = `,
            'entries', ` + pricing.StoredEntriesSQL("s.sku", "")

const columnsAfter = `)
          ORDER BY s.status, s.position, s.sku)
   FROM skus s
   WHERE s.product_id = p.id) AS skus,
  ` + changes.VersionSQL + ` AS rules,
  coalesce((SELECT r.stars_sum FROM ` + rating.TotalsSQL + ` r WHERE r.product_id = p.id), 0) AS stars,
  coalesce((SELECT r.ratings FROM ` + rating.TotalsSQL + ` r WHERE r.product_id = p.id), 0) AS ratings`

// productRow is what productColumns yields, before its JSON is read.
type productRow struct {
	Product
	attributes, images, skus []byte
}

func (r *productRow) targets() []any {
	return []any{
		&r.ID, &r.SellerID, &r.Key, &r.Slug, &r.Title, &r.Description, &r.Brand, &r.CategoryID, &r.TaxCategory,
		&r.attributes, &r.images, &r.Status, &r.Version, &r.CreatedAt, &r.UpdatedAt, &r.skus, &r.Rules,
		&r.Rating.Stars, &r.Rating.Ratings,
	}
}

func scanProduct(row pgx.CollectableRow) (Product, error) {
	var r productRow
	if err := row.Scan(r.targets()...); err != nil {
		return Product{}, err
	}
	return r.product()
}

// storedImage and storedSKU are the forms of an image and a SKU in the database's JSON.
type storedImage struct {
	URL string `json:"url"`
	Alt string `json:"alt,omitzero"`
}

type storedSKU struct {
	SKU          string                `json:"sku"`
	Barcode      string                `json:"barcode"`
	Options      map[string]string     `json:"options"`
	WeightGrams  int64                 `json:"weight_grams"`
	Status       Status                `json:"status"`
	BaseCurrency money.Currency        `json:"base_currency"`
	Entries      pricing.StoredEntries `json:"entries"`
}

func (r *productRow) product() (Product, error) {
	var images []storedImage
	var skus []storedSKU
	for _, column := range []struct {
		text []byte
		dst  any
	}{{r.attributes, &r.Attributes}, {r.images, &images}, {r.skus, &skus}} {
		if column.text == nil {
			continue
		}
		if err := json.Unmarshal(column.text, column.dst); err != nil {
			return Product{}, fmt.Errorf("reading the JSON of product %s: %w", r.PublicID(), err)
		}
	}
	p := r.Product
	for _, i := range images {
		p.Images = append(p.Images, Image(i))
	}
	for _, s := range skus {
		p.SKUs = append(p.SKUs, SKU{Code: s.SKU, Barcode: s.Barcode, Options: s.Options, WeightGrams: s.WeightGrams, Status: s.Status,
			BaseCurrency: s.BaseCurrency, Entries: s.Entries.Entries()})
	}
	return p, nil
}

// activeSKUs returns the SKUs that are sold. They stand first.
func (p Product) activeSKUs() []SKU {
	for i, s := range p.SKUs {
		if s.Status != Active {
			return p.SKUs[:i:i]
		}
	}
	return p.SKUs
}

// public returns the product as everyone may see it.
func (p Product) public() Product {
	p.SKUs = p.activeSKUs()
	return p
}

var slugSuffix = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// productSlug returns a new product's slug: its title and, so that it is unique, 40 bits of its id.
func productSlug(title string, id uuid.UUID) string {
	suffix := slugSuffix.EncodeToString(id[:5])
	return strings.TrimPrefix(slugOf(title)+"-"+suffix, "-")
}
