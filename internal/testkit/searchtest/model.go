package searchtest

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// This file is the model that engines are compared with: filters, facets and orders as package search defines them, by a walk
// over all documents.

// matching returns the documents that pass a filter.
func matching(documents []search.Document, market string, f search.Filter) []search.Document {
	var found []search.Document
	for _, d := range documents {
		if passes(d, market, f) {
			found = append(found, d)
		}
	}
	return found
}

func passes(d search.Document, market string, f search.Filter) bool {
	price, sold := d.Prices[market]
	switch {
	case f.Category != "" && !slices.Contains(d.CategoryIDs, f.Category),
		len(f.Brands) > 0 && !slices.Contains(f.Brands, d.Brand),
		(f.MinPrice != nil || f.MaxPrice != nil) && !sold,
		f.MinPrice != nil && price < *f.MinPrice,
		f.MaxPrice != nil && price > *f.MaxPrice,
		d.RatingMilli < f.MinRating,
		f.InStock && d.Stock == search.StockOut,
		len(f.IDs) > 0 && !slices.Contains(f.IDs, d.ID),
		slices.Contains(f.Exclude, d.ID):
		return false
	}
	for _, claim := range f.Claims {
		if !slices.Contains(d.Claims, claim) {
			return false
		}
	}
	for name, values := range f.Attributes {
		if !slices.ContainsFunc(d.Attributes[name], func(v string) bool { return slices.Contains(values, v) }) {
			return false
		}
	}
	return true
}

// inOrder sorts documents that match the text equally well.
func inOrder(documents []search.Document, market string, sort search.Sort) []search.Document {
	sorted := slices.Clone(documents)
	slices.SortFunc(sorted, func(a, b search.Document) int {
		return cmp.Or(bySort(a, b, market, sort), cmp.Compare(b.Popularity, a.Popularity), compareIDs(a.ID, b.ID))
	})
	return sorted
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func bySort(a, b search.Document, market string, sort search.Sort) int {
	switch sort {
	case search.SortPriceAsc, search.SortPriceDesc:
		priceA, soldA := a.Prices[market]
		priceB, soldB := b.Prices[market]
		switch {
		case soldA != soldB && soldA:
			return -1
		case soldA != soldB:
			return 1
		case sort == search.SortPriceDesc:
			return cmp.Compare(priceB, priceA)
		}
		return cmp.Compare(priceA, priceB)
	case search.SortNewest:
		return b.ListedAt.Compare(a.ListedAt)
	case search.SortRating:
		return cmp.Compare(b.RatingMilli, a.RatingMilli)
	}
	return 0 // by relevance all are equal, and by popularity they are ordered next
}

// count returns the facets of a query without text.
func count(documents []search.Document, q search.Query) search.Facets {
	var facets search.Facets
	for _, kind := range q.Facets {
		f := q.Filter
		switch kind {
		case search.FacetBrand:
			f.Brands = nil
			facets.Brands = tally(matching(documents, q.Market, f), func(d search.Document) []string { return []string{d.Brand} })
		case search.FacetCategory:
			f.Category = ""
			facets.Categories = tally(matching(documents, q.Market, f), func(d search.Document) []string { return d.CategoryIDs })
		case search.FacetPrice:
			f.MinPrice, f.MaxPrice = nil, nil
			facets.Prices = tallyPrices(matching(documents, q.Market, f), q.Market)
		case search.FacetAttributes:
			facets.Attributes = tallyAttributes(documents, q)
		}
	}
	return facets
}

// tally counts documents by their values: most frequent first, then by value.
func tally(documents []search.Document, values func(search.Document) []string) []search.Count {
	numbers := make(map[string]int)
	for _, d := range documents {
		for _, value := range values(d) {
			if value != "" {
				numbers[value]++
			}
		}
	}
	var counts []search.Count
	for value, n := range numbers {
		counts = append(counts, search.Count{Value: value, Count: n})
	}
	slices.SortFunc(counts, func(a, b search.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return counts[:min(len(counts), search.MaxFacetValues)]
}

func tallyPrices(documents []search.Document, market string) []search.Count {
	counts := tally(documents, func(d search.Document) []string {
		price, sold := d.Prices[market]
		if !sold {
			return nil
		}
		return []string{search.PriceBand(market, currencyOf(market), price)}
	})
	slices.SortFunc(counts, func(a, b search.Count) int {
		_, numberA, _ := search.ParsePriceBand(a.Value)
		_, numberB, _ := search.ParsePriceBand(b.Value)
		return cmp.Compare(numberA, numberB)
	})
	return counts
}

// tallyAttributes counts every attribute as if the query did not filter by it. There are fewer than
// search.MaxFacetAttributes.
func tallyAttributes(documents []search.Document, q search.Query) map[string][]search.Count {
	names := make(map[string]bool)
	for _, d := range documents {
		for name := range d.Attributes {
			names[name] = true
		}
	}
	all := make(map[string][]search.Count)
	for name := range names {
		f := q.Filter
		f.Attributes = maps.Clone(f.Attributes)
		delete(f.Attributes, name)
		if counts := tally(matching(documents, q.Market, f), func(d search.Document) []string { return d.Attributes[name] }); counts != nil {
			all[name] = counts
		}
	}
	return all
}
