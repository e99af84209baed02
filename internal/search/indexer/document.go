package indexer

import (
	"slices"

	"meridian/internal/catalog"
	"meridian/internal/inventory"
	"meridian/internal/pricing"
	"meridian/internal/search"
)

// form counts the forms that documents have had: raise it with every change of what is made of the same product, and
// every index is swept by the new binary.
const form = "1"

// document is one product's. moving is true where it becomes another at a known moment.
func (s snapshot) document(p catalog.Listed, prices priceList) (d search.Document, moving bool, err error) {
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
	moving = prices.price(&d, s.articlesOf(p.Product))
	return d, moving, d.Validate()
}

// articlesOf are the product's SKUs with what their prices depend on.
func (s snapshot) articlesOf(p catalog.Product) []*pricing.Article {
	var all []*pricing.Article
	for _, sku := range p.SKUs {
		if article := s.articles[sku.Code]; article != nil {
			all = append(all, article)
		}
	}
	return all
}

// codes are what is printed on the product: SKUs and barcodes, each once.
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

// stock is the band as documents say it: nothing known is nothing there.
func stock(b inventory.Band) search.Stock {
	switch b {
	case inventory.BandIn:
		return search.StockIn
	case inventory.BandLow:
		return search.StockLow
	}
	return search.StockOut
}
