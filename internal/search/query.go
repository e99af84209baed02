package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Bounds of a query. The window of 1,000 hits is Meilisearch's default too: nobody pages further, and an engine that
// must be ready to pays for it in every search.
const (
	MaxTextBytes  = 200
	MaxTerms      = 10
	MaxLimit      = 100
	MaxWindow     = 1000
	MaxAttributes = 10
	MaxValues     = 20
	MaxExcluded   = 200
)

// A Query is what a shopper looks for in one region's index. The zero value finds everything, most popular first.
type Query struct {
	// Text is what was typed, at most MaxTextBytes. A part in double quotes is a phrase: its words in that order.
	// Engines look at the first MaxTerms words. Empty text finds everything that the filter lets through.
	Text string
	// Prefix takes the last word of the text for the beginning of one, as it is while somebody types.
	Prefix bool
	// Match says how many of the words a document must have.
	Match Match
	// Language is the base tag of the shopper's language, such as "de": whose synonyms and stop words are used.
	Language string
	// Market is the code of the market whose prices are filtered, sorted and counted by.
	Market string
	Filter Filter
	// Facets are counted and answered in Result.Facets. None: none are counted.
	Facets []FacetKind
	// Sort is the order; the zero value is SortRelevance.
	Sort Sort
	// Offset and Limit are the part of the hits that is wanted: Offset + Limit is at most MaxWindow, Limit at most
	// MaxLimit. Limit 0 answers the total and the facets alone.
	Offset, Limit int
	// After continues behind the hit with this position (Result.Next of the page before), for the engines whose pages
	// then neither repeat nor skip a hit when the index changes between two pages; it is empty on the first page.
	// An engine that cannot uses Offset, so the caller sets both.
	After []string
	// Highlight asks for Hit.Highlights.
	Highlight bool
}

// Match says how many of a text's words a document must have to be found. Whatever it is, documents that have all of
// the words come before those that have fewer, when sorted by relevance; of the words themselves, rare ones count more
// than frequent ones. Words in phrases must always be there.
type Match int

// The rules of matching.
const (
	// MatchMost is the rule of a first try: every word of a text of one or two words; of three or more, half of them, or
	// fewer that are rare enough to tell by themselves what is meant, as a model's number among words that no seller
	// writes. An engine that cannot weigh words may want more of them.
	MatchMost Match = iota
	// MatchAny is the loosest: one word is enough.
	MatchAny
)

// Sort is an order of hits. Whatever is equal by it is ordered by relevance, then popularity, then id: the order is
// total, so that pages are stable.
type Sort string

// The orders. Documents without a price in the market come last by price, those without ratings last by rating.
const (
	SortRelevance  Sort = "relevance"
	SortPriceAsc   Sort = "price"
	SortPriceDesc  Sort = "-price"
	SortNewest     Sort = "newest"
	SortRating     Sort = "rating"
	SortPopularity Sort = "popularity"
)

// Sorts are all orders.
var Sorts = []Sort{SortRelevance, SortPriceAsc, SortPriceDesc, SortNewest, SortRating, SortPopularity}

// A Filter is what every hit must be. Its parts must all hold; values within one part are alternatives.
type Filter struct {
	// Category is the id of a category: hits are in it or below it.
	Category string
	// Brands are compared exactly as Document.Brand is written.
	Brands []string
	// MinPrice and MaxPrice bound the price in the query's market, in minor units, both ends included; nil is open.
	// Documents without a price there do not pass a bound.
	MinPrice, MaxPrice *int64
	// MinRating is the least average rating in thousandths of a star, 1000 to 5000; 0 lets through what nobody rated.
	MinRating int64
	// InStock wants what this region's warehouses have (Document.Stock is not StockOut).
	InStock bool
	// Attributes are wanted values by the attribute's name, as Document.Attributes writes both.
	Attributes map[string][]string
	// IDs, if any, are the only products wanted, and Exclude those that are not: at most MaxExcluded of each.
	IDs, Exclude []uuid.UUID
}

// FacetKind is something that hits are counted by.
type FacetKind string

// The facets. FacetAttributes counts the values of every attribute that the hits have.
const (
	FacetBrand      FacetKind = "brand"
	FacetCategory   FacetKind = "category"
	FacetPrice      FacetKind = "price"
	FacetAttributes FacetKind = "attributes"
)

// AllFacets are all of them.
var AllFacets = []FacetKind{FacetBrand, FacetCategory, FacetPrice, FacetAttributes}

// Validate reports the first fault of a query: a programmer's mistake, since callers check what users send.
func (q Query) Validate() error {
	switch {
	case len(q.Text) > MaxTextBytes:
		return fmt.Errorf("search query: a text of %d bytes, at most %d", len(q.Text), MaxTextBytes)
	case q.Offset < 0 || q.Limit < 0 || q.Limit > MaxLimit || q.Offset+q.Limit > MaxWindow:
		return fmt.Errorf("search query: hits %d to %d, at most %d at once and %d in all", q.Offset, q.Offset+q.Limit, MaxLimit, MaxWindow)
	case q.Sort != "" && !slices.Contains(Sorts, q.Sort):
		return fmt.Errorf("search query: order %q", q.Sort)
	case len(q.Filter.Attributes) > MaxAttributes || len(q.Filter.Brands) > MaxValues:
		return fmt.Errorf("search query: %d attributes and %d brands, at most %d and %d", len(q.Filter.Attributes), len(q.Filter.Brands), MaxAttributes, MaxValues)
	case len(q.Filter.IDs) > MaxExcluded || len(q.Filter.Exclude) > MaxExcluded:
		return fmt.Errorf("search query: more than %d products named", MaxExcluded)
	case q.needsMarket() && q.Market == "":
		return fmt.Errorf("search query: prices without a market")
	}
	for name, values := range q.Filter.Attributes {
		if len(values) == 0 || len(values) > MaxValues || strings.Contains(name, AttributeSeparator) {
			return fmt.Errorf("search query: attribute %q with %d values", name, len(values))
		}
	}
	return nil
}

func (q Query) needsMarket() bool {
	return q.Filter.MinPrice != nil || q.Filter.MaxPrice != nil || q.Sort == SortPriceAsc || q.Sort == SortPriceDesc || slices.Contains(q.Facets, FacetPrice)
}
