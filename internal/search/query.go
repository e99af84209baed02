package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// The bounds of a query. MaxWindow is also Meilisearch's default: nobody pages further, and an engine that must be
// ready to would pay for it in every search.
const (
	MaxTextBytes  = 200
	MaxTerms      = 10
	MaxLimit      = 100
	MaxWindow     = 1000
	MaxAttributes = 10
	MaxValues     = 20
	MaxExcluded   = 400
	MaxClaims     = 10
)

// A Query is a search in one region's index. The zero value finds everything, most popular first.
type Query struct {
	// Text is the typed text, at most MaxTextBytes. A part in double quotes is a phrase: its words in that order.
	// Engines use the first MaxTerms words. An empty text finds everything that passes the filter.
	Text string
	// Prefix matches the last word of the text as a prefix, for searches while the shopper types.
	Prefix bool
	// Match says how many of the words a document must have.
	Match Match
	// Language is the base tag of the shopper's language, such as "de"; it selects synonyms and stop words.
	Language string
	// OtherLanguages are further languages of the shopper, whose words are known too.
	OtherLanguages []string
	// Market is the code of the market whose prices are used to filter, sort and count.
	Market string
	Filter Filter
	// Facets are the facets to count in Result.Facets.
	Facets []FacetKind
	// Sort is the order of hits; the zero value is SortRelevance.
	Sort Sort
	// Offset and Limit select the hits: Offset + Limit is at most MaxWindow, and Limit at most MaxLimit. With Limit 0
	// only the total and the facets are returned.
	Offset, Limit int
	// After is Result.Next of the page before, empty on the first page. Engines that support it continue after that
	// page's last hit, so that pages neither repeat nor skip hits when the index changes in between. Other engines use
	// Offset; callers set both.
	After []byte
	// Rest requests Result.Rest where the hits end before Limit, from engines that can tell it in the same pass.
	Rest bool
	// Highlight requests Hit.Highlights.
	Highlight bool
}

// Match says how many of a text's words a document must have. In any case, when sorted by relevance, documents with all
// of the words come before those with fewer, and rare words count more than frequent ones. Words of phrases are always
// required.
type Match int

// The rules of matching.
const (
	// MatchMost is for the first try. Of one or two words all are required; of three or more, half of them, or fewer if
	// they are rare enough to identify the product, such as a model number among words that no seller uses. An engine
	// that cannot weigh words may require more.
	MatchMost Match = iota
	// MatchAny requires a single word.
	MatchAny
)

// Sort is an order of hits. Ties are broken by relevance, then popularity, then id: the order is total, so that pages
// are stable.
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

// Sorts lists all orders.
var Sorts = []Sort{SortRelevance, SortPriceAsc, SortPriceDesc, SortNewest, SortRating, SortPopularity}

// A Filter restricts the hits. All of its parts must hold; values within one part are alternatives.
type Filter struct {
	// Category is the id of a category: hits are in it or below it.
	Category string
	// Brands are compared exactly with Document.Brand.
	Brands []string
	// MinPrice and MaxPrice bound the price in the query's market, in minor units, inclusive; nil is open. Documents
	// without a price there do not pass a bound.
	MinPrice, MaxPrice *int64
	// MinRating is the lowest average rating in thousandths of a star, 1000 to 5000; 0 also passes unrated products.
	MinRating int64
	// InStock requires availability in this region's warehouses (Document.Stock is not StockOut).
	InStock bool
	// Attributes are the accepted values by attribute name, both as in Document.Attributes.
	Attributes map[string][]string
	// Claims must all hold for a product (Document.Claims).
	Claims []string
	// IDs, if any, are the only products to find, and Exclude the products not to find: at most MaxExcluded of each.
	IDs, Exclude []uuid.UUID
}

// FacetKind is a property that hits are counted by.
type FacetKind string

// The facets. FacetAttributes counts the values of every attribute that the hits have.
const (
	FacetBrand      FacetKind = "brand"
	FacetCategory   FacetKind = "category"
	FacetPrice      FacetKind = "price"
	FacetAttributes FacetKind = "attribute"
)

// AllFacets lists all facets.
var AllFacets = []FacetKind{FacetBrand, FacetCategory, FacetPrice, FacetAttributes}

// Validate returns the first error of a query. An invalid query is a bug: callers check user input.
func (q Query) Validate() error {
	switch {
	case len(q.Text) > MaxTextBytes:
		return fmt.Errorf("search query: a text of %d bytes, at most %d", len(q.Text), MaxTextBytes)
	case q.Offset < 0 || q.Limit < 0 || q.Limit > MaxLimit || q.Offset+q.Limit > MaxWindow:
		return fmt.Errorf("search query: hits %d to %d, at most %d at once and %d in all",
			q.Offset, q.Offset+q.Limit, MaxLimit, MaxWindow)
	case q.Sort != "" && !slices.Contains(Sorts, q.Sort):
		return fmt.Errorf("search query: order %q", q.Sort)
	case len(q.Filter.Attributes) > MaxAttributes || len(q.Filter.Brands) > MaxValues:
		return fmt.Errorf("search query: %d attributes and %d brands, at most %d and %d",
			len(q.Filter.Attributes), len(q.Filter.Brands), MaxAttributes, MaxValues)
	case len(q.Filter.Claims) > MaxClaims:
		return fmt.Errorf("search query: %d claims, at most %d", len(q.Filter.Claims), MaxClaims)
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

// Languages returns the languages of the shopper, the first one first.
func (q Query) Languages() []string { return append([]string{q.Language}, q.OtherLanguages...) }

func (q Query) needsMarket() bool {
	return q.Filter.MinPrice != nil || q.Filter.MaxPrice != nil || q.Sort == SortPriceAsc || q.Sort == SortPriceDesc ||
		slices.Contains(q.Facets, FacetPrice)
}
