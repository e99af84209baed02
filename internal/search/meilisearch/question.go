package meilisearch

import (
	"maps"
	"slices"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
	"meridian/internal/search/concept"
)

// The fields of facets.
const (
	fieldBrand          = "brand"
	fieldCategory       = "categoryIds"
	fieldPrice          = "priceBands"
	fieldAttributes     = "attributes"
	fieldAttributeNames = "attributeNames"
)

// fieldClaims is the field of search.Document.Claims.
const fieldClaims = "claims"

// A question is a query with everything that its requests are built from.
type question struct {
	search.Query
	index   string
	plan    concept.Plan
	typed   typed
	clauses []clause
}

// A count is a request that counts the values of fields without the filter of one facet.
type count struct {
	but    string // the facet; "" for none
	fields []string
}

// counts returns the requests that the query's facets need. The first also returns the hits.
func (q question) counts() []count {
	all := []count{{}}
	for _, kind := range q.Facets {
		for _, c := range q.countsOf(kind) {
			if c.but == "" {
				all[0].fields = append(all[0].fields, c.fields...)
			} else {
				all = append(all, c)
			}
		}
	}
	return all
}

func (q question) countsOf(kind search.FacetKind) []count {
	switch kind {
	case search.FacetBrand:
		return []count{q.countAlone(fieldBrand)}
	case search.FacetCategory:
		return []count{q.countAlone(fieldCategory)}
	case search.FacetPrice:
		return []count{q.countAlone(fieldPrice)}
	case search.FacetAttributes:
		all := []count{{fields: attributeFields}}
		for _, name := range slices.Sorted(maps.Keys(q.Filter.Attributes)) {
			all = append(all, count{but: attributeFacet(name), fields: attributeFields})
		}
		return all
	}
	return nil
}

var attributeFields = []string{fieldAttributes, fieldAttributeNames}

// countAlone counts a field together with the hits, unless the query filters by it.
func (q question) countAlone(field string) count {
	c := count{fields: []string{field}}
	if slices.ContainsFunc(q.clauses, func(c clause) bool { return c.facet == field }) {
		c.but = field
	}
	return c
}

// requests returns the searches that are sent at once, one per count.
func (q question) requests(counts []count) []*meili.SearchRequest {
	all := make([]*meili.SearchRequest, 0, len(counts))
	for i, c := range counts {
		r := q.request(q.typed, c)
		r.Facets = c.fields
		r.Limit = 1 // 0 cannot be asked for
		if i == 0 {
			r.Offset, r.Limit = int64(q.Offset), max(1, int64(q.Limit))
		}
		all = append(all, r)
	}
	return all
}

// request returns the parts that all searches of a question have in common.
func (q question) request(text typed, c count) *meili.SearchRequest {
	r := &meili.SearchRequest{IndexUID: q.index, Query: text.String(), Sort: q.sortBy()}
	r.Filter = filterBut(q.clauses, c.but)
	q.loosen(r, text)
	if c.but != "" {
		r.AttributesToRetrieve = []string{"id"}
		return r
	}
	r.AttributesToRetrieve, r.ShowRankingScore = cardFields, true
	return r
}

// loosen sets how many words may be missing. Sorted by relevance, frequent words are dropped first, and documents with
// more of the words rank higher. In other orders, documents with too few words must not appear at all; only a threshold
// on the score excludes them, and only if words are dropped from the end.
func (q question) loosen(r *meili.SearchRequest, text typed) {
	relevance := q.Sort == "" || q.Sort == search.SortRelevance
	switch {
	case q.Match == search.MatchAny:
		r.MatchingStrategy = meili.Last
	case text.optional() <= 2:
		r.MatchingStrategy = meili.All
	case relevance:
		r.MatchingStrategy = meili.Frequency
	default:
		r.MatchingStrategy, r.RankingScoreThreshold = meili.Last, scoreOf(text)
	}
}

// scoreOf returns a threshold between the scores of documents that have enough words and those that do not: with k of n
// words the score is above (k-1)/n and at most k/n.
func scoreOf(text typed) float64 {
	const nothing = 1e-9
	return float64(text.least()-1)/float64(text.words()) + nothing
}

// orders are the sort expressions by order; prices depend on the market.
var orders = map[search.Sort]string{search.SortNewest: "listedAt:desc", search.SortRating: "ratingMilli:desc",
	search.SortPopularity: byPopularity}

const byPopularity = "popularity:desc"

// sortBy returns the order that precedes relevance, by the ranking rule "sort". Without a text popularity is all there is
// of relevance.
func (q question) sortBy() []string {
	var all []string
	switch q.Sort {
	case search.SortPriceAsc:
		all = append(all, priceField(q.Market)+":asc")
	case search.SortPriceDesc:
		all = append(all, priceField(q.Market)+":desc")
	case search.SortNewest, search.SortRating, search.SortPopularity:
		all = append(all, orders[q.Sort])
	}
	if len(q.typed.parts) == 0 {
		all = append(all, byPopularity, "id:asc")
	}
	return slices.Compact(all)
}

// merged reports whether the query asks for any of several words, which takes one request per word, merged by the
// server.
func (q question) merged() bool { return q.Match == search.MatchAny && len(q.typed.rotations()) > 1 }

// mergedRequest returns the request for any of the words.
func (q question) mergedRequest(c count) *meili.MultiSearchRequest {
	federation := &meili.MultiSearchFederation{Limit: 1}
	if c.but == "" {
		federation.Offset, federation.Limit = int64(q.Offset), max(1, int64(q.Limit))
	}
	if len(c.fields) > 0 {
		federation.FacetsByIndex = map[string][]string{q.index: c.fields}
		federation.MergeFacets = &meili.MultiSearchFederationMergeFacets{MaxValuesPerFacet: maxValuesPerFacet}
	}
	request := &meili.MultiSearchRequest{Federation: federation}
	for _, text := range q.typed.rotations() {
		r := q.request(text.typed, c)
		r.FederationOptions = &meili.SearchFederationOptions{Weight: text.weight}
		request.Queries = append(request.Queries, r)
	}
	return request
}
