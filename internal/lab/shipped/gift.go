package main

import (
	"fmt"
	"regexp"
	"strconv"

	"meridian/internal/catalog/shipped"
)

// A giftRow is one SKU of the gift retailer's catalogue.
type giftRow struct {
	sku   string
	name  string
	pence int64
	units int64
}

// stem returns the five digits that variants of a product share.
func (r giftRow) stem() string { return r.sku[:5] }

// A giftShop holds what turns the retailer's rows into products.
type giftShop struct {
	rules      []rule
	vocabulary vocabulary
	titles     titles
	rates      fxRates
}

// makeGifts returns the gift retailer's catalogue, ordered by the five digits of the codes, with
// variants gathered into products.
func makeGifts() ([]shipped.Product, error) {
	shop, err := readGiftShop()
	if err != nil {
		return nil, err
	}
	rows, err := readGifts()
	if err != nil {
		return nil, err
	}
	var products []shipped.Product
	for _, variants := range shop.group(rows) {
		product, err := shop.product(variants)
		if err != nil {
			return nil, err
		}
		products = append(products, product)
	}
	return products, nil
}

func readGiftShop() (shop giftShop, err error) {
	if shop.rules, err = readRules(); err != nil {
		return shop, err
	}
	if shop.vocabulary, err = readVocabulary(); err != nil {
		return shop, err
	}
	if shop.titles, err = readTitles(); err != nil {
		return shop, err
	}
	shop.rates, err = readFX()
	return shop, err
}

func readGifts() ([]giftRow, error) {
	rows, err := readTable("online_retail_products.csv.gz")
	if err != nil {
		return nil, err
	}
	gifts := make([]giftRow, len(rows))
	for i, row := range rows {
		pence, err := parsePence(row["list_price_gbp"])
		if err != nil {
			return nil, fmt.Errorf("price of %s: %w", row["sku"], err)
		}
		units, err := strconv.ParseInt(row["units"], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("units of %s: %w", row["sku"], err)
		}
		gifts[i] = giftRow{sku: row["sku"], name: row["name"], pence: pence, units: units}
	}
	return gifts, nil
}

func (shop giftShop) product(variants []variant) (shipped.Product, error) {
	first := variants[0].row
	matched := firstMatch(shop.rules, map[string]wordText{giftName: newWordText(first.name)})
	if matched < 0 {
		return shipped.Product{}, fmt.Errorf("no rule for gift %s %q", first.sku, first.name)
	}
	p := shipped.Product{
		Key:         first.sku,
		Title:       shop.titles.title(variants[0].commonName),
		CategoryID:  shop.rules[matched].categoryID,
		TaxCategory: shipped.TaxStandard,
		Status:      "active",
	}
	var names []string
	for _, v := range variants {
		names = append(names, v.row.name)
		p.SKUs = append(p.SKUs, shipped.SKU{
			Code: v.row.sku, Options: v.options,
			Prices: shop.rates.prices(v.row.pence), Units: startingUnits(v.row.units),
		})
	}
	p.Attributes = shop.attributes(names)
	return p, nil
}

var pieces = regexp.MustCompile(`\b(?:SET ?OF|SET|S|PACK ?OF|PACK|BOX ?OF)[ /]?(\d{1,3})\b`)

// attributes returns what the names of a product's SKUs say in words of words.csv, and the
// number of pieces of a set or pack, where every name says the same.
func (shop giftShop) attributes(names []string) map[string]any {
	attributes := map[string]any{}
	for _, kind := range []string{kindColour, kindDesign, kindMaterial, kindOccasion} {
		if values := shop.vocabulary.values(kind, names); len(values) > 0 {
			attributes[kind] = values
		}
	}
	if n, ok := piecesOf(names); ok {
		attributes["pieces"] = n
	}
	return attributes
}

func piecesOf(names []string) (n int, ok bool) {
	for i, name := range names {
		match := pieces.FindStringSubmatch(name)
		if match == nil {
			return 0, false
		}
		count, err := strconv.Atoi(match[1])
		if err != nil || count < 2 || (i > 0 && count != n) {
			return 0, false
		}
		n = count
	}
	return n, true
}
