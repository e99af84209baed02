package search

import (
	"context"
	"slices"
	"strings"
)

// The bounds of suggestions.
const (
	MaxSuggestions = 10
	suggestHits    = 20 // hits that completions are taken from
	suggestFacets  = 3  // letters from which categories are counted: fewer match half the shop
)

// A SuggestQuery asks for suggestions while a shopper types.
type SuggestQuery struct {
	Text, Language, Market string
	// OtherLanguages are further languages of the shopper.
	OtherLanguages []string
	// Limit is the number of suggestions of each kind, 1 to MaxSuggestions.
	Limit int
}

// Suggestions are completions of a typed text, and products, brands and categories that match it.
type Suggestions struct {
	// Completions are texts that begin with the typed one: frequent searches first, then words of products.
	Completions []string
	Products    []Hit
	Brands      []string
	// Categories hold the ids of categories with matching products, those with most first.
	Categories []Count
	DidYouMean string
	Degraded   Degraded
}

// Suggest returns suggestions for a typed text. It takes one search of an engine.
func (s *Searcher) Suggest(ctx context.Context, in SuggestQuery) (Suggestions, error) {
	q := Query{Text: in.Text, Prefix: true, Language: in.Language, OtherLanguages: in.OtherLanguages, Market: in.Market,
		Limit: suggestHits, Highlight: true}
	if len([]rune(strings.TrimSpace(in.Text))) >= suggestFacets {
		q.Facets = []FacetKind{FacetCategory}
	}
	q = s.effects(in.Text).hide(q)
	q.Filter.Claims, q.Text = askedClaims(in.Text)
	if err := q.Validate(); err != nil {
		return Suggestions{}, err
	}
	if wordless(in.Text) {
		return Suggestions{}, nil
	}
	answer, err := s.fetch(ctx, q)
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
		out.DidYouMean = corrected(in.Text, q.Text, answer.Hits)
	}
	return out, nil
}

// brandsOf returns the brands that match the text, most frequent first.
func brandsOf(hits []Hit, limit int) []string {
	counts := make(map[string]int)
	for _, hit := range hits {
		if hit.Document.Brand != "" && len(hit.Highlights["brand"]) > 0 {
			counts[hit.Document.Brand]++
		}
	}
	return mostFrequent(counts, limit)
}

// completionsOf completes the last word of the text with matching words of the hits' titles.
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

// mostFrequent returns the texts with the highest counts, ties by text.
func mostFrequent(counts map[string]int, limit int) []string {
	var texts []string
	for _, c := range TopCounts(counts, limit) {
		texts = append(texts, c.Value)
	}
	return texts
}
