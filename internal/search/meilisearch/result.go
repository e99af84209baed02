package meilisearch

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// result returns the search result. The first answer has the hits.
func (q question) result(counts []count, answers []answer) (search.Result, error) {
	result := search.Result{Total: int(answers[0].total), Facets: q.facets(counts, answers)}
	for _, hit := range answers[0].hits[:min(q.Limit, len(answers[0].hits))] {
		h, err := q.hit(hit)
		if err != nil {
			return search.Result{}, unreadable("a hit", err)
		}
		result.Hits = append(result.Hits, h)
	}
	return result, nil
}

// leastScore is the score of hits that Meilisearch had no time to rank.
const leastScore = 1e-9

func (q question) hit(found meili.Hit) (search.Hit, error) {
	document, err := card(found)
	if err != nil {
		return search.Hit{}, err
	}
	hit := search.Hit{Document: document}
	if err := unmarshal(found["_rankingScore"], &hit.Score); err != nil {
		return search.Hit{}, err
	}
	hit.Score = min(cmp.Or(max(hit.Score, 0), leastScore), 1)
	if q.Highlight {
		hit.Highlights = q.plan.Highlights(document)
	}
	return hit, nil
}

// unmarshal decodes a value that may be missing.
func unmarshal(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// facets returns the counts of the query's facets.
func (q question) facets(counts []count, answers []answer) search.Facets {
	var facets search.Facets
	for _, kind := range q.Facets {
		switch kind {
		case search.FacetBrand:
			facets.Brands = search.TopCounts(q.values(counts, answers, fieldBrand), search.MaxFacetValues)
		case search.FacetCategory:
			facets.Categories = search.TopCounts(q.values(counts, answers, fieldCategory), search.MaxFacetValues)
		case search.FacetPrice:
			facets.Prices = bandsOf(q.Market, q.values(counts, answers, fieldPrice))
		case search.FacetAttributes:
			facets.Attributes = q.attributes(counts, answers)
		}
	}
	return facets
}

// values returns the counts of a field, from its own request if it has one.
func (q question) values(counts []count, answers []answer, field string) map[string]int {
	i := slices.IndexFunc(counts, func(c count) bool { return c.but == field })
	return answers[max(i, 0)].counts[field]
}

// bandsOf returns the counts of a market's price bands, in their order.
func bandsOf(market string, values map[string]int) []search.Count {
	var all []search.Count
	for value, n := range values {
		if of, _, err := search.ParsePriceBand(value); err == nil && of == market && n > 0 {
			all = append(all, search.Count{Value: value, Count: n})
		}
	}
	slices.SortFunc(all, func(a, b search.Count) int { return cmp.Compare(number(a.Value), number(b.Value)) })
	return all
}

func number(band string) int {
	_, n, _ := search.ParsePriceBand(band) // checked by bandsOf
	return n
}

// attributes returns the counts of the attributes that most documents have. Attributes that are filtered by were
// counted by requests of their own.
func (q question) attributes(counts []count, answers []answer) map[string][]search.Count {
	values, documents := make(map[string]map[string]int), make(map[string]int)
	for i, c := range counts {
		_, own, alone := strings.Cut(c.but, fieldAttributes+search.AttributeSeparator)
		if i > 0 && !alone {
			continue
		}
		for name, n := range answers[i].counts[fieldAttributeNames] {
			if q.countedBy(i, name, own) {
				documents[name] = n
			}
		}
		for pair, n := range answers[i].counts[fieldAttributes] {
			name, value, _ := strings.Cut(pair, search.AttributeSeparator)
			if q.countedBy(i, name, own) {
				if values[name] == nil {
					values[name] = make(map[string]int)
				}
				values[name][value] = n
			}
		}
	}
	all := make(map[string][]search.Count)
	for _, attribute := range search.TopCounts(documents, search.MaxFacetAttributes) {
		all[attribute.Value] = search.TopCounts(values[attribute.Value], search.MaxFacetValues)
	}
	return all
}

// countedBy reports whether the ith answer has the counts of an attribute: the first one, unless it is filtered by.
func (q question) countedBy(i int, name, own string) bool {
	if _, filtered := q.Filter.Attributes[name]; filtered {
		return i > 0 && name == own
	}
	return i == 0
}
