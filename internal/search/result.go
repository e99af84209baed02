package search

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// A Result is a page of hits.
type Result struct {
	Hits []Hit
	// Total is the number of documents found. An engine may stop counting at MaxWindow or above; then More is true.
	Total int
	More  bool
	// Rest are the best documents that have only some of the words (MatchAny), as many as are missing from the page. It is nil
	// from engines that do not tell it, and where Query.Rest does not ask for it.
	Rest []Hit
	// Next continues after the last hit (Query.After); empty if the engine pages by offset.
	Next   []byte
	Facets Facets
	// Partial is true if the index was still being filled (PositionFilled) at the moment that the engine answered from,
	// for engines that know: there may be more.
	Partial bool
	// Ignored lists the parts of the query that are not supported where it was answered; see the Part constants.
	Ignored []Part
}

// A Part is a part of a query.
type Part string

// The parts of a query. PartAll stands for all filters together.
const (
	PartText       Part = "text"
	PartCategory   Part = "category"
	PartBrand      Part = "brand"
	PartPrice      Part = "price"
	PartRating     Part = "rating"
	PartStock      Part = "in_stock"
	PartAttributes Part = "attribute"
	PartClaims     Part = "claims"
	PartAll        Part = "all"
	PartSort       Part = "sort"
	PartFacets     Part = "facets"
)

// A Hit is a found document.
type Hit struct {
	Document Card
	// Score is how well the document matches the text, above 0 and at most 1. Scores are comparable within one result
	// only.
	Score float64
	// Highlights are the title and the brand, by field name ("title", "brand"), split into matching and other parts.
	// Fields without a match are left out. Only set if requested.
	Highlights map[string][]Fragment
}

// A Card is the part of a document that engines return: enough to show it.
type Card struct {
	ID                   uuid.UUID
	Version              int64
	Slug, Title, Brand   string
	CategoryID           string
	Image                string
	Prices               map[string]int64
	Stock                Stock
	RatingMilli, Ratings int64
	Popularity           int64
	ListedAt             time.Time
}

// Card returns the part of the document that engines return.
func (d Document) Card() Card {
	c := Card{ID: d.ID, Version: d.Version, Slug: d.Slug, Title: d.Title, Brand: d.Brand, Image: d.Image, Prices: d.Prices, Stock: d.Stock,
		RatingMilli: d.RatingMilli, Ratings: d.Ratings, Popularity: d.Popularity, ListedAt: d.ListedAt}
	if n := len(d.CategoryIDs); n > 0 {
		c.CategoryID = d.CategoryIDs[n-1]
	}
	return c
}

// A Fragment is a part of a text; Match is true for the parts that match the query.
type Fragment struct {
	Text  string
	Match bool
}

// Facets hold how many documents have each value, most frequent first, then by value; at most MaxFacetValues of each
// facet and of each attribute. A facet is counted as if the query did not filter by it: choosing one brand leaves the
// counts of the other brands as they were. All other filters apply.
type Facets struct {
	Brands []Count
	// Categories are counted by id, including all categories below.
	Categories []Count
	// Prices are the bands of the query's market, by PriceBand, in ascending order of price.
	Prices []Count
	// Attributes are the values by attribute: the MaxFacetAttributes attributes that most documents have.
	Attributes map[string][]Count
}

// Bounds of what facets answer.
const (
	MaxFacetValues     = 50
	MaxFacetAttributes = 20
)

// A Count is the number of documents that have a value.
type Count struct {
	Value string
	Count int
}

// TopCounts returns the highest counts, most frequent first, then by value, at most limit. It leaves out zero counts.
func TopCounts(counts map[string]int, limit int) []Count {
	top := make([]Count, 0, len(counts))
	for value, n := range counts {
		if n > 0 {
			top = append(top, Count{Value: value, Count: n})
		}
	}
	slices.SortFunc(top, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
	return top[:min(limit, len(top))]
}
