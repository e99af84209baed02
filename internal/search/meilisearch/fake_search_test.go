package meilisearch

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// fakeQuery is one search as it is sent.
type fakeQuery struct {
	IndexUID              string
	Q                     string
	Offset, Limit         int
	Filter                any
	Sort, Facets          []string
	MatchingStrategy      string
	RankingScoreThreshold float64
	AttributesToRetrieve  []string
	ShowRankingScore      bool
	FederationOptions     *struct{ Weight float64 }
}

// fakeHit is a document with how it fits.
type fakeHit struct {
	document map[string]any
	match    match
	score    float64
	weighted float64
	query    *fakeQuery
}

func (f *fake) multiSearch(w http.ResponseWriter, _ *http.Request, body []byte) {
	var request struct {
		Federation *struct {
			Offset, Limit int
			FacetsByIndex map[string][]string
			MergeFacets   *struct{ MaxValuesPerFacet int }
		}
		Queries []*fakeQuery
	}
	if err := json.Unmarshal(body, &request); err != nil {
		f.answer(w, http.StatusBadRequest, "malformed_payload")
		return
	}
	var results []map[string]any
	var merged []fakeHit
	for _, q := range request.Queries {
		index, known := f.indexes[q.IndexUID]
		if !known {
			f.answer(w, http.StatusBadRequest, "index_not_found")
			return
		}
		hits, code := index.search(q)
		if code == "" && request.Federation == nil {
			code = index.facetable(q.Facets)
		}
		if code != "" {
			f.answer(w, http.StatusBadRequest, code)
			return
		}
		merged = append(merged, hits...)
		results = append(results, index.result(hits, q.Offset, cmp.Or(q.Limit, 20), q.Facets))
	}
	if request.Federation == nil {
		reply(w, http.StatusOK, map[string]any{"results": results})
		return
	}
	uid := request.Queries[0].IndexUID
	index := f.indexes[uid]
	if code := index.facetable(request.Federation.FacetsByIndex[uid]); code != "" {
		f.answer(w, http.StatusBadRequest, code)
		return
	}
	slices.SortStableFunc(merged, func(a, b fakeHit) int {
		return cmp.Or(compareBy(a.document, b.document, a.query.Sort), cmp.Compare(b.weighted, a.weighted),
			compareBy(a.document, b.document, index.custom()))
	})
	seen := make(map[any]bool)
	merged = slices.DeleteFunc(merged, func(h fakeHit) bool {
		again := seen[h.document["id"]]
		seen[h.document["id"]] = true
		return again
	})
	reply(w, http.StatusOK, index.result(merged, request.Federation.Offset, cmp.Or(request.Federation.Limit, 20),
		request.Federation.FacetsByIndex[uid]))
}

func (x *fakeIndex) facetable(fields []string) string {
	for _, field := range fields {
		if !covered(field, x.settings.FilterableAttributes) {
			return "invalid_search_facets"
		}
	}
	return ""
}

// custom are the ranking rules of ours, such as popularity:desc.
func (x *fakeIndex) custom() []string {
	return slices.DeleteFunc(slices.Clone(x.settings.RankingRules), func(rule string) bool { return !strings.Contains(rule, ":") })
}

// search are all hits in their order.
func (x *fakeIndex) search(q *fakeQuery) ([]fakeHit, string) {
	if code := x.sortable(q.Sort); code != "" {
		return nil, code
	}
	if len(q.Sort) > 0 && !slices.Contains(x.settings.RankingRules, "sort") {
		return nil, "invalid_search_sort"
	}
	documents, code := x.filtered(q.Filter)
	if code != "" {
		return nil, code
	}
	terms := parseTerms(q.Q)
	matches := make([]match, len(documents))
	for i, d := range documents {
		matches[i] = x.match(d, terms)
	}
	removal := removalOrder(terms, matches, q.MatchingStrategy)
	var hits []fakeHit
	for i, d := range documents {
		m := matches[i]
		if m.words = m.kept(removal); m.words == 0 && len(terms) > 0 {
			continue
		}
		hit := fakeHit{document: d, match: m, score: m.score(terms), query: q}
		if hit.score < q.RankingScoreThreshold {
			continue
		}
		hit.weighted = hit.score
		if q.FederationOptions != nil {
			hit.weighted *= q.FederationOptions.Weight
		}
		hits = append(hits, hit)
	}
	slices.SortFunc(hits, func(a, b fakeHit) int {
		return cmp.Or(compareBy(a.document, b.document, q.Sort), cmp.Compare(b.score, a.score), compareBy(a.document, b.document, x.custom()))
	})
	return hits, ""
}

// result is a page of hits with the counts of all.
func (x *fakeIndex) result(hits []fakeHit, offset, limit int, facets []string) map[string]any {
	total := len(hits) // only what can be reached is bounded
	limit = min(limit, max(0, x.settings.Pagination.MaxTotalHits-offset))
	page := []map[string]any{}
	for _, h := range hits[min(offset, len(hits)):min(offset+limit, len(hits))] {
		d := pick(h.document, h.query.AttributesToRetrieve)
		if h.query.ShowRankingScore {
			d["_rankingScore"] = h.score
		}
		page = append(page, d)
	}
	result := map[string]any{"hits": page, "estimatedTotalHits": total, "offset": offset, "limit": limit, "processingTimeMs": 1}
	if len(facets) > 0 {
		distribution := make(map[string]map[string]int)
		for _, field := range facets {
			distribution[field] = x.count(hits, field)
		}
		result["facetDistribution"] = distribution
	}
	return result
}

// count counts values, which are one where they are equal as filters see them, up to the bound of the settings.
func (x *fakeIndex) count(hits []fakeHit, field string) map[string]int {
	original, numbers := make(map[string]string), make(map[string]int)
	for _, h := range hits {
		for _, value := range valuesOf(h.document, field) {
			key := normalized(value)
			if numbers[key]++; original[key] == "" {
				original[key] = value.(string)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[b], numbers[a]),
			cmp.Compare(a, b))
	})
	counts := make(map[string]int)
	for _, key := range keys[:min(len(keys), x.settings.Faceting.MaxValuesPerFacet)] {
		counts[original[key]] = numbers[key]
	}
	return counts
}
