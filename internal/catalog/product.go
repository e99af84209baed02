package catalog

import (
	"encoding/base32"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/money"
	"meridian/internal/pricing"
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
	// Waiting are prices that a second person has to approve, in what UpdateProduct returns.
	Waiting []WaitingPrice
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

// ScheduledPrices returns the catalogue's prices of one unit that begin after a moment, by time.
func (s SKU) ScheduledPrices(at time.Time) []pricing.ScheduledPrice {
	return pricing.ScheduledPrices(s.Entries, at)
}

// storedImage is the form of an image in the database's JSON.
type storedImage struct {
	URL string `json:"url"`
	Alt string `json:"alt,omitzero"`
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
