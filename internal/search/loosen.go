package search

import "context"

// Loosened says how a search was relaxed in order to find something.
type Loosened string

// The ways to relax a search, in the order in which they are tried.
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
		q.Filter = Filter{Category: q.Filter.Category, Exclude: q.Filter.Exclude}
	case LoosenedBoth:
		q.Match = MatchAny
		q.Filter = Filter{Exclude: q.Filter.Exclude}
	}
	return q
}

// helps reports whether the relaxed query differs from q.
func (l Loosened) helps(q Query) bool {
	manyWords := len(words(q.Text)) > 1
	f := q.Filter
	filtered := len(f.Brands) > 0 || f.MinPrice != nil || f.MaxPrice != nil || f.MinRating > 0 || f.InStock || len(f.Attributes) > 0
	switch l {
	case LoosenedWords:
		return manyWords
	case LoosenedFilters:
		return filtered
	}
	return manyWords || f.Category != ""
}

// loosen relaxes the query step by step until something is found, and otherwise returns the given empty answer. Queries
// without a text are not relaxed: shoppers who only set filters are told that nothing matches.
func (s *Searcher) loosen(ctx context.Context, q Query, nothing Answer, rules ruleEffects) (Answer, error) {
	if q.Text == "" {
		return nothing, nil
	}
	for _, l := range []Loosened{LoosenedWords, LoosenedFilters, LoosenedBoth} {
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
