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

// A Document is a product as one region's index knows it: what is searched, filtered, sorted and counted by, and enough
// to show it when the database does not answer. It holds nothing of a customer.
type Document struct {
	ID uuid.UUID
	// Version is the product's own; a document of an older version never replaces one of a newer.
	Version int64
	Slug    string
	Title   string
	Brand   string
	// CategoryIDs are the product's category and all above it, the root first; CategoryNames their names.
	CategoryIDs, CategoryNames []string
	Description                string
	// Codes are the SKUs and barcodes: found only when typed in full, without typing errors.
	Codes []string
	// Attributes are the values that can be chosen by, as text, by the attribute's name: the product's own attributes
	// and its SKUs' options. Names are in lower case and without AttributeSeparator.
	Attributes map[string][]string
	Image      string
	// Prices are the least price of a SKU by the market's code, in minor units of that market's currency.
	Prices map[string]int64
	// PriceBands are PriceBand of each of the prices.
	PriceBands []string
	// Stock is what the region's warehouses have.
	Stock Stock
	// RatingMilli is the average rating in thousandths of a star (1000 to 5000), 0 without any; Ratings how many.
	RatingMilli, Ratings int64
	// Popularity grows with what shoppers of the region do with the product; equal steps are equal ratios
	// (recommend.Popularity). 0 is nothing known.
	Popularity int64
	// ListedAt is when it was last put on sale.
	ListedAt time.Time
	// GoodUntil is when its prices may be others without anybody editing anything.
	GoodUntil time.Time
}

// Stock is how much a region's warehouses have.
type Stock string

// The bands of stock: none, few (up to 5 of every SKU), enough.
const (
	StockOut Stock = "out"
	StockLow Stock = "low"
	StockIn  Stock = "in"
)

// AttributeSeparator parts name and value of an attribute where both are one text.
const AttributeSeparator = "="

// AttributeValues are the attributes as texts of the form name=value, sorted.
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

// Fingerprint tells a document from every other content of it: 128 bits in hexadecimal. GoodUntil is not content.
func (d Document) Fingerprint() string {
	d.GoodUntil = time.Time{}
	d.ListedAt = d.ListedAt.UTC()
	content, err := json.Marshal(d) // maps by sorted keys
	if err != nil {
		panic(err) // there is nothing in it that JSON lacks
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// Bounds of a document. What is larger is set aside with the reason, and the rest goes on.
const (
	MaxDocumentBytes  = 256 << 10
	MaxAttributeBytes = 400 // of name and value: Meilisearch counts nothing longer than 468
)

// Validate says why no engine could take the document.
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

// priceSteps are the ends of the price bands in whole units of a currency whose unit is worth about a euro.
var priceSteps = []int64{5, 10, 25, 50, 100, 250, 500, 1000, 2500}

// roughWorth is about how many units of a currency buy what a euro buys, as a power of ten, where it is not 1.
var roughWorth = map[money.Currency]int64{"JPY": 100, "KRW": 1000, "VND": 10000, "IDR": 10000, "INR": 100, "HUF": 100, "ISK": 100,
	"CZK": 10, "SEK": 10, "NOK": 10, "DKK": 10, "MXN": 10, "CNY": 10, "HKD": 10, "THB": 10, "PHP": 10, "ZAR": 10, "TWD": 10}

// A PriceRange is one band of prices: from MinMinor to less than BelowMinor, which is 0 for the last.
type PriceRange struct{ MinMinor, BelowMinor int64 }

// PriceRanges are the bands that prices in a currency are counted by: the same for every query, so that counts of
// different pages, and of different regions, compare.
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

// PriceBand names the band of a price in a market: the market's code, a colon and the band's number.
func PriceBand(market string, c money.Currency, minor int64) string {
	ranges := PriceRanges(c)
	i := slices.IndexFunc(ranges, func(r PriceRange) bool { return minor < r.BelowMinor })
	if i < 0 {
		i = len(ranges) - 1
	}
	return market + ":" + strconv.Itoa(i)
}

// ParsePriceBand is the market and the number of a band.
func ParsePriceBand(band string) (market string, number int, err error) {
	market, text, _ := strings.Cut(band, ":")
	number, err = strconv.Atoi(text)
	if err != nil || number < 0 || number > len(priceSteps) {
		return "", 0, fmt.Errorf("price band %q is not one", band)
	}
	return market, number, nil
}
