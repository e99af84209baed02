package search

import (
	"context"
	"unicode"
)

// Loosened says how much less than what was asked a search had to ask for, to find something.
type Loosened string

// How a search may be loosened: what is tried first stands first.
const (
	NotLoosened Loosened = ""
	// LoosenedWords wants any of the words instead of most.
	LoosenedWords Loosened = "any_word"
	// LoosenedFilters looks beyond the filters, for the same words; a category stays.
	LoosenedFilters Loosened = "without_filters"
	// LoosenedBoth wants any of the words anywhere in the shop.
	LoosenedBoth Loosened = "any_word_without_filters"
)

// ParseLoosened is the inverse of string(l); what it does not know is NotLoosened.
func ParseLoosened(text string) Loosened {
	switch l := Loosened(text); l {
	case LoosenedWords, LoosenedFilters, LoosenedBoth:
		return l
	}
	return NotLoosened
}

// apply is the query, loosened.
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

// helps is whether loosening so changes what is asked.
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

// loosen asks for less and less until something is found; else nothing stays the answer. Only texts are loosened: who
// browses by filters alone is told that there is nothing.
func (s *Searcher) loosen(ctx context.Context, q Query, nothing Answer, does effect) (Answer, error) {
	if q.Text == "" {
		return nothing, nil
	}
	for _, l := range []Loosened{LoosenedWords, LoosenedFilters, LoosenedBoth} {
		if !l.helps(q) {
			continue
		}
		answer, err := s.page(ctx, l.apply(q), does)
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

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
