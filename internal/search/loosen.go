package search

import (
	"context"
	"maps"
	"slices"
)

// Loosened says how a search was relaxed in order to find something.
type Loosened string

// The ways to relax a search, in the order in which they are tried. Filters are dropped only on request, and claims never.
const (
	NotLoosened Loosened = ""
	// LoosenedWords matches any of the words instead of most.
	LoosenedWords Loosened = "any_word"
	// LoosenedFilters drops all filters but the category.
	LoosenedFilters Loosened = "without_filters"
	// LoosenedBoth matches any of the words, without filters.
	LoosenedBoth Loosened = "any_word_without_filters"
)

// ParseLoosened is the inverse of string(l). It returns NotLoosened for unknown texts.
func ParseLoosened(text string) Loosened {
	switch l := Loosened(text); l {
	case LoosenedWords, LoosenedFilters, LoosenedBoth:
		return l
	}
	return NotLoosened
}

// apply returns the relaxed query.
func (l Loosened) apply(q Query) Query {
	switch l {
	case LoosenedWords:
		q.Match = MatchAny
	case LoosenedFilters:
		q.Filter = Filter{Category: q.Filter.Category, Claims: q.Filter.Claims, Exclude: q.Filter.Exclude}
	case LoosenedBoth:
		q.Match = MatchAny
		q.Filter = Filter{Claims: q.Filter.Claims, Exclude: q.Filter.Exclude}
	}
	return q
}

// helps reports whether the relaxed query differs from q.
func (l Loosened) helps(q Query) bool {
	manyWords, f := q.severalWords(), q.Filter
	f.Category, f.Claims = "", nil
	switch l {
	case LoosenedWords:
		return manyWords
	case LoosenedFilters:
		return len(f.parts()) > 0
	}
	return manyWords || q.Filter.Category != ""
}

// severalWords reports whether the text may have several words, of which a product may have some. In languages that join
// words, a long one may be several.
func (q Query) severalWords() bool {
	const longWord = 7 // letters
	typed := words(q.Text)
	return len(typed) > 1 || len(typed) == 1 && len(typed[0]) >= longWord &&
		slices.ContainsFunc(q.Languages(), func(language string) bool { return language == "de" || language == "nl" })
}

// loosen relaxes the query step by step until something is found, and otherwise returns the given empty answer. Filters
// are dropped only if that was requested. Queries without a text are not relaxed.
func (s *Searcher) loosen(ctx context.Context, q Query, nothing Answer, rules ruleEffects, filters bool) (Answer, error) {
	if q.Text == "" {
		return nothing, nil
	}
	steps := []Loosened{LoosenedWords}
	if filters {
		steps = append(steps, LoosenedFilters, LoosenedBoth)
	}
	for _, l := range steps {
		if !l.helps(q) {
			continue
		}
		answer, err := s.page(ctx, l.apply(q), rules)
		if err != nil {
			return Answer{}, err
		}
		if answer.Total > 0 {
			answer.Loosened = l
			return answer, nil
		}
	}
	return nothing, nil
}

// fills reports whether a short list of the query's hits is filled up with hits that have only some of the words.
func (q Query) fills() bool {
	return q.Offset == 0 && q.Match == MatchMost && (q.Sort == "" || q.Sort == SortRelevance) && q.severalWords()
}

// fill adds hits that have only some of the words to a short list of hits, up to a page.
func (s *Searcher) fill(ctx context.Context, q Query, answer Answer) (Answer, error) {
	missing := q.Limit - len(answer.Hits)
	if missing <= 0 || !q.fills() {
		return answer, nil
	}
	rest := answer.Rest
	if rest == nil {
		any := q
		any.Match, any.Limit, any.After, any.Facets, any.Rest = MatchAny, missing, nil, nil, false
		for _, hit := range answer.Hits {
			any.Filter.Exclude = append(slices.Clip(any.Filter.Exclude), hit.Document.ID)
		}
		found, err := s.fetch(ctx, any)
		if err != nil || found.Degraded != answer.Degraded {
			return answer, err
		}
		rest = found.Hits
	}
	answer.Hits = append(slices.Clip(answer.Hits), rest...)
	answer.Partial = len(rest)
	return answer, nil
}

// A Without says how many products a search would find without one of its filters.
type Without struct {
	// Part is the filter; PartAll stands for all of them, but for claims.
	Part Part
	// Attribute is the name of the attribute, if Part is PartAttributes.
	Attribute string
	Total     int
}

// maxWithout bounds the filters that are counted without, since each is a search.
const maxWithout = 8

// without returns how many products there would be without each of the query's filters, and without all of them if there
// are several. It leaves out those without which there are none either.
func (s *Searcher) without(ctx context.Context, q Query) ([]Without, error) {
	parts := q.Filter.parts()
	if len(parts) > 1 {
		parts = append(parts[:min(len(parts), maxWithout-1)], Without{Part: PartAll})
	}
	var all []Without
	for _, w := range parts {
		counted := q
		counted.Filter = q.Filter.without(w)
		counted.Offset, counted.Limit, counted.After, counted.Facets, counted.Highlight = 0, 0, nil, nil, false
		found, err := s.fetch(ctx, counted)
		if err != nil {
			return nil, err
		}
		if w.Total = found.Total; w.Total > 0 && found.Degraded != FromDatabase {
			all = append(all, w)
		}
	}
	return all, nil
}

// parts returns the filters that are set.
func (f Filter) parts() []Without {
	var all []Without
	add := func(set bool, w Without) {
		if set {
			all = append(all, w)
		}
	}
	add(f.Category != "", Without{Part: PartCategory})
	add(len(f.Brands) > 0, Without{Part: PartBrand})
	add(f.MinPrice != nil || f.MaxPrice != nil, Without{Part: PartPrice})
	add(f.MinRating > 0, Without{Part: PartRating})
	add(f.InStock, Without{Part: PartStock})
	add(len(f.Claims) > 0, Without{Part: PartClaims})
	for _, name := range slices.Sorted(maps.Keys(f.Attributes)) {
		add(true, Without{Part: PartAttributes, Attribute: name})
	}
	return all
}

// without returns the filter without a part of it.
func (f Filter) without(w Without) Filter {
	switch w.Part {
	case PartCategory:
		f.Category = ""
	case PartBrand:
		f.Brands = nil
	case PartPrice:
		f.MinPrice, f.MaxPrice = nil, nil
	case PartRating:
		f.MinRating = 0
	case PartStock:
		f.InStock = false
	case PartClaims:
		f.Claims = nil
	case PartAttributes:
		f.Attributes = maps.Clone(f.Attributes)
		delete(f.Attributes, w.Attribute)
	case PartAll:
		f = Filter{Claims: f.Claims, IDs: f.IDs, Exclude: f.Exclude}
	}
	return f
}
