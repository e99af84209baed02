package indexer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/catalog"
	"meridian/internal/inventory"
	"meridian/internal/pricing"
	"meridian/internal/search"
)

// form is the version of the document format. Raise it whenever the same product would yield another document: the new
// binary then sweeps every index.
const form = "2"

// document renders a product. expiring is true if the document changes at a known moment.
func (s snapshot) document(p catalog.Listed, prices priceList) (d search.Document, expiring bool, err error) {
	if p.Fault != nil {
		return search.Document{}, false, p.Fault
	}
	d = search.Document{
		ID: p.ID, Version: p.Version, Slug: p.Slug, Title: p.Title, Brand: p.Brand, Description: p.Description,
		Codes: codes(p.Product), Attributes: attributes(p.Product), Stock: stock(s.bands[p.ID]),
		RatingMilli: p.Rating.Milli(), Ratings: p.Rating.Ratings, Popularity: s.popularity[p.ID], ListedAt: p.ListedAt.UTC(),
	}
	d.Claims = search.ClaimsOf(d.Title, d.Attributes)
	for _, c := range p.Categories {
		d.CategoryIDs, d.CategoryNames = append(d.CategoryIDs, c.ID), append(d.CategoryNames, c.Name)
	}
	if len(p.Images) > 0 {
		d.Image = p.Images[0].URL
	}
	expiring = prices.price(&d, s.articlesOf(p.Product))
	return d, expiring, d.Validate()
}

// articlesOf returns what the prices of the product's SKUs depend on.
func (s snapshot) articlesOf(p catalog.Product) []*pricing.PricedSKU {
	var all []*pricing.PricedSKU
	for _, sku := range p.SKUs {
		if article := s.articles[sku.Code]; article != nil {
			all = append(all, article)
		}
	}
	return all
}

// codes returns the distinct SKUs and barcodes of a product.
func codes(p catalog.Product) []string {
	var all []string
	for _, sku := range p.SKUs {
		for _, code := range []string{sku.Code, sku.Barcode} {
			if code != "" && !slices.Contains(all, code) {
				all = append(all, code)
			}
		}
	}
	return all
}

// stock returns the document's form of a band. Unknown counts as out of stock.
func stock(b inventory.Band) search.Stock {
	switch b {
	case inventory.BandIn:
		return search.StockIn
	case inventory.BandLow:
		return search.StockLow
	}
	return search.StockOut
}

// maxAttributeValues bounds the values of a document: a product may have a hundred SKUs with ten options each, and
// attributes of 32 KiB. The values that come first by name are kept.
const maxAttributeValues = 300

// attributes returns the values that shoppers can filter by: the product's attributes and its SKUs' options.
func attributes(p catalog.Product) map[string][]string {
	gathered := make(attributeValues)
	for name, value := range p.Attributes {
		gathered.add(name, value)
	}
	for _, sku := range p.SKUs {
		for name, value := range sku.Options {
			gathered.add(name, value)
		}
	}
	return gathered.bounded()
}

type attributeValues map[string][]string

// add adds a JSON value: each element of a list, and each member of an object under the names of both.
func (a attributeValues) add(name string, value any) {
	switch v := value.(type) {
	case string:
		a.addText(name, v)
	case float64:
		a.addText(name, strconv.FormatFloat(v, 'f', -1, 64))
	case bool:
		a.addText(name, map[bool]string{true: "yes", false: "no"}[v])
	case []any:
		for _, element := range v {
			a.add(name, element)
		}
	case map[string]any:
		for member, inner := range v {
			a.add(name+" "+member, inner)
		}
	}
}

// addText adds a text, unless it is too long to filter by.
func (a attributeValues) addText(name, text string) {
	name = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(name, search.AttributeSeparator, " ")), " "))
	text = strings.Join(strings.Fields(text), " ")
	if name == "" || text == "" || len(name)+len(search.AttributeSeparator)+len(text) > search.MaxAttributeBytes {
		return
	}
	if !slices.Contains(a[name], text) {
		a[name] = append(a[name], text)
	}
}

// bounded returns the values in a fixed order, so that the same product always yields the same document.
func (a attributeValues) bounded() map[string][]string {
	room := maxAttributeValues
	kept := make(map[string][]string, len(a))
	for _, name := range slices.Sorted(maps.Keys(a)) {
		values := a[name]
		slices.Sort(values)
		values = values[:min(len(values), room)]
		if len(values) == 0 {
			break
		}
		kept[name] = values
		room -= len(values)
	}
	return kept
}
