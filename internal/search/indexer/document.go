package indexer

import (
	"slices"

	"meridian/internal/catalog"
	"meridian/internal/inventory"
	"meridian/internal/pricing"
	"meridian/internal/search"
)

// form is the version of the document format. Raise it whenever the same product would yield another document: the new
// binary then sweeps every index.
const form = "1"

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
func (s snapshot) articlesOf(p catalog.Product) []*pricing.Article {
	var all []*pricing.Article
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
