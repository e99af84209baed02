package search

import (
	"time"

	"github.com/google/uuid"
)

// A Result is a part of what a query found.
type Result struct {
	Hits []Hit
	// Total is how many documents were found; an engine may stop counting at MaxWindow or above, and then More is true.
	Total int
	More  bool
	// Next continues behind the last hit (Query.After); empty where the engine goes by offset.
	Next   []string
	Facets Facets
	// Partial is true while the index is still being filled (PositionFilled), where the engine knows that of the very
	// moment that it answered from: there may be more.
	Partial bool
	// Ignored are the parts of the query that could not be heeded where it was answered; see the Part constants.
	Ignored []Part
}

// A Part is something that a query asks for.
type Part string

// The parts that may be ignored while search is degraded.
const (
	PartText       Part = "text"
	PartPrice      Part = "price"
	PartRating     Part = "rating"
	PartStock      Part = "in_stock"
	PartAttributes Part = "attributes"
	PartSort       Part = "sort"
	PartFacets     Part = "facets"
)

// A Hit is a document that was found, as the index knows it.
type Hit struct {
	Document Card
	// Score is how well it fits the text, above 0 and at most 1, comparable within one result only.
	Score float64
	// Highlights are the title and the brand, by field name ("title", "brand"), cut into parts that were searched for and
	// parts that were not; only those in which something was. Only when asked for.
	Highlights map[string][]Fragment
}

// A Card is what an engine gives back of a document: enough to show it.
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

// Card is the part of the document that is given back.
func (d Document) Card() Card {
	c := Card{ID: d.ID, Version: d.Version, Slug: d.Slug, Title: d.Title, Brand: d.Brand, Image: d.Image, Prices: d.Prices, Stock: d.Stock,
		RatingMilli: d.RatingMilli, Ratings: d.Ratings, Popularity: d.Popularity, ListedAt: d.ListedAt}
	if n := len(d.CategoryIDs); n > 0 {
		c.CategoryID = d.CategoryIDs[n-1]
	}
	return c
}

// A Fragment is a part of a text; Match is true of what the query found in it.
type Fragment struct {
	Text  string
	Match bool
}

// Facets are how many documents have each value, the most frequent first, then by value; at most MaxFacetValues of each
// facet and of each attribute. A facet that the query filters by is counted as if it were not: so choosing one brand
// leaves the other brands' counts as they were. All other filters hold.
type Facets struct {
	Brands []Count
	// Categories are counted with all below them, by id.
	Categories []Count
	// Prices are the bands of the query's market, by PriceBand, in the order of the prices.
	Prices []Count
	// Attributes are the values by attribute; at most MaxFacetAttributes, those most documents have.
	Attributes map[string][]Count
}

// Bounds of what facets answer.
const (
	MaxFacetValues     = 50
	MaxFacetAttributes = 20
)

// A Count is how many documents have a value.
type Count struct {
	Value string
	Count int
}
