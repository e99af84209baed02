package search

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/money"
)

// A Document is a product as one region's index holds it: the values that are searched, filtered, sorted and counted
// by, and those needed to show a hit when the database does not answer. It holds no customer data.
type Document struct {
	ID uuid.UUID
	// Version is the product's version; a document never replaces one of a newer version.
	Version int64
	Slug    string
	Title   string
	Brand   string
	// CategoryIDs are the product's category and its ancestors, the root first; CategoryNames are their names.
	CategoryIDs, CategoryNames []string
	Description                string
	// Codes are the SKUs and barcodes. They match only when typed in full and without errors.
	Codes []string
	// Attributes are the values that shoppers can filter by, by attribute name: the product's own attributes and its
	// SKUs' options. Names are in lower case and do not contain AttributeSeparator.
	Attributes map[string][]string
	// Claims are what the product may be relied on for, such as gluten_free, as ClaimsOf finds them.
	Claims []string
	Image  string
	// Prices are the lowest SKU price by market code, in minor units of the market's currency.
	Prices map[string]int64
	// PriceBands are the PriceBand of each price.
	PriceBands []string
	// Stock is the availability in the region's warehouses.
	Stock Stock
	// RatingMilli is the average rating in thousandths of a star (1000 to 5000), 0 if unrated; Ratings is the number of
	// ratings.
	RatingMilli, Ratings int64
	// Popularity is the logarithm of shoppers' interest in the region: equal steps are equal ratios
	// (recommend.Popularity). 0 means unknown.
	Popularity int64
	// ListedAt is when the product was last put on sale.
	ListedAt time.Time
	// GoodUntil is when the prices may change without an edit.
	GoodUntil time.Time
}

// Stock is the availability of a product in a region's warehouses.
type Stock string

// The levels of stock: none, few (up to 5 of every SKU), enough.
const (
	StockOut Stock = "out"
	StockLow Stock = "low"
	StockIn  Stock = "in"
)

// AttributeSeparator separates name and value where an attribute is written as one text.
const AttributeSeparator = "="

// AttributeValues returns the attributes as sorted texts of the form name=value.
func (d Document) AttributeValues() []string {
	var all []string
	for name, values := range d.Attributes {
		for _, value := range values {
			all = append(all, name+AttributeSeparator+value)
		}
	}
	slices.Sort(all)
	return all
}

// Fingerprint returns a hash of the document's content, 128 bits in hexadecimal. GoodUntil does not count as content.
func (d Document) Fingerprint() string {
	d.GoodUntil = time.Time{}
	d.ListedAt = d.ListedAt.UTC()
	content, err := json.Marshal(d) // maps by sorted keys
	if err != nil {
		panic(err) // every field has a JSON form
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// The bounds of a document. Larger ones are set aside with the reason.
const (
	MaxDocumentBytes  = 256 << 10
	MaxAttributeBytes = 400 // of name and value: Meilisearch counts nothing longer than 468
)

// Validate returns an error if no engine could index the document.
func (d Document) Validate() error {
	size := len(d.Title) + len(d.Description) + len(d.Brand)
	for _, value := range d.AttributeValues() {
		size += len(value)
	}
	switch {
	case d.ID == uuid.Nil:
		return fmt.Errorf("it has no id")
	case d.Title == "":
		return fmt.Errorf("it has no title")
	case size > MaxDocumentBytes:
		return fmt.Errorf("its texts have %d bytes, at most %d", size, MaxDocumentBytes)
	}
	return nil
}

// priceSteps are the upper bounds of the price bands, in whole units of a currency whose unit is worth about one euro.
var priceSteps = []int64{5, 10, 25, 50, 100, 250, 500, 1000, 2500}

// roughWorth is the approximate number of units that one euro buys, as a power of ten, for currencies where it is not
// 1.
var roughWorth = map[money.Currency]int64{"JPY": 100, "KRW": 1000, "VND": 10000, "IDR": 10000, "INR": 100, "HUF": 100, "ISK": 100,
	"CZK": 10, "SEK": 10, "NOK": 10, "DKK": 10, "MXN": 10, "CNY": 10, "HKD": 10, "THB": 10, "PHP": 10, "ZAR": 10, "TWD": 10}

// A PriceRange is a price band: from MinMinor up to but excluding BelowMinor, which is 0 for the last band.
type PriceRange struct{ MinMinor, BelowMinor int64 }

// PriceRanges returns the price bands of a currency. They are the same for every query, so that counts of different
// pages and regions can be compared.
func PriceRanges(c money.Currency) []PriceRange {
	unit := cmp.Or(roughWorth[c], 1)
	for range c.Exponent() {
		unit *= 10
	}
	ranges := make([]PriceRange, 0, len(priceSteps)+1)
	from := int64(0)
	for _, step := range priceSteps {
		ranges = append(ranges, PriceRange{from, step * unit})
		from = step * unit
	}
	return append(ranges, PriceRange{MinMinor: from})
}

// PriceBand returns the name of a price's band in a market: the market's code, a colon and the band's number.
func PriceBand(market string, c money.Currency, minor int64) string {
	ranges := PriceRanges(c)
	i := slices.IndexFunc(ranges, func(r PriceRange) bool { return minor < r.BelowMinor })
	if i < 0 {
		i = len(ranges) - 1
	}
	return market + ":" + strconv.Itoa(i)
}

// ParsePriceBand returns the market and the number of a band.
func ParsePriceBand(band string) (market string, number int, err error) {
	market, text, _ := strings.Cut(band, ":")
	number, err = strconv.Atoi(text)
	if err != nil || number < 0 || number > len(priceSteps) {
		return "", 0, fmt.Errorf("price band %q is not one", band)
	}
	return market, number, nil
}
