package search

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// Bounds of what is suggested.
const (
	MaxSuggestions = 10
	suggestHits    = 20 // hits that completions are drawn from
	suggestFacets  = 3  // letters from which on categories are counted: fewer fit half the shop
)

// A SuggestQuery is what somebody is about to type.
type SuggestQuery struct {
	Text, Language, Market string
	// Limit is how many of each kind are suggested, 1 to MaxSuggestions.
	Limit int
}

// Suggestions are what somebody who typed that far may mean.
type Suggestions struct {
	// Completions are texts that begin so: what others searched for, then words of products.
	Completions []string
	Products    []Hit
	Brands      []string
	// Categories are where products with the text are, by id, those with most first.
	Categories []Count
	DidYouMean string
	Degraded   Degraded
}

// Suggest answers while somebody types: one search of an engine.
func (s *Searcher) Suggest(ctx context.Context, in SuggestQuery) (Suggestions, error) {
	q := Query{Text: in.Text, Prefix: true, Language: in.Language, Market: in.Market, Limit: suggestHits, Highlight: true}
	if len([]rune(strings.TrimSpace(in.Text))) >= suggestFacets {
		q.Facets = []FacetKind{FacetCategory}
	}
	q = s.rules.effect(in.Text, s.region, s.now()).hide(q)
	if err := q.Validate(); err != nil {
		return Suggestions{}, err
	}
	if wordless(in.Text) {
		return Suggestions{}, nil
	}
	answer, err := s.plain(ctx, q)
	if err != nil {
		return Suggestions{}, err
	}
	out := Suggestions{
		Products: answer.Hits[:min(in.Limit, len(answer.Hits))], Brands: brandsOf(answer.Hits, in.Limit),
		Categories: answer.Facets.Categories[:min(in.Limit, len(answer.Facets.Categories))], Degraded: answer.Degraded,
	}
	out.Completions = s.terms.completing(normal(in.Text), in.Limit)
	for _, text := range completionsOf(in.Text, answer.Hits) {
		if len(out.Completions) < in.Limit && !slices.Contains(out.Completions, text) {
			out.Completions = append(out.Completions, text)
		}
	}
	if len(out.Completions) == 0 {
		out.DidYouMean = correct(in.Text, answer.Hits)
	}
	return out, nil
}

// brandsOf are the brands in which hits have the text, the most frequent first.
func brandsOf(hits []Hit, limit int) []string {
	counts := make(map[string]int)
	for _, hit := range hits {
		if hit.Document.Brand != "" && len(hit.Highlights["brand"]) > 0 {
			counts[hit.Document.Brand]++
		}
	}
	return mostFrequent(counts, limit)
}

// completionsOf completes the last word of a text with words that hits have in their titles.
func completionsOf(text string, hits []Hit) []string {
	typed := words(text)
	if len(typed) == 0 || strings.HasSuffix(text, " ") {
		return nil
	}
	last, before := typed[len(typed)-1], strings.Join(typed[:len(typed)-1], " ")
	counts := make(map[string]int)
	for _, hit := range hits {
		for _, f := range hit.Highlights["title"] {
			for _, word := range words(f.Text) {
				if f.Match && strings.HasPrefix(word, last) && word != last {
					counts[strings.TrimSpace(before+" "+word)]++
				}
			}
		}
	}
	return mostFrequent(counts, MaxSuggestions)
}

// mostFrequent are the texts that were counted most often, then by the text.
func mostFrequent(counts map[string]int, limit int) []string {
	texts := slices.Collect(maps.Keys(counts))
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	return texts[:min(limit, len(texts))]
}
