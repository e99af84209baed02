package search

import (
	"cmp"
	"context"
	"slices"
)

// boostWindow is the number of hits that a boost can reorder: hits that rank lower keep their place.
const boostWindow = MaxLimit

// fetch returns a page as the first source that answers ranks it, without pins and boosts.
func (s *Searcher) fetch(ctx context.Context, q Query) (Answer, error) {
	found, from, err := s.ask(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Result: found, Degraded: from.Degraded}, nil
}

// page returns a page of hits with query rules applied: pinned products first, then the rest. Rules reorder hits only
// when they are sorted by relevance.
func (s *Searcher) page(ctx context.Context, q Query, rules ruleEffects) (Answer, error) {
	byRelevance := q.Sort == "" || q.Sort == SortRelevance
	if !byRelevance || !rules.reorder() {
		return s.fetch(ctx, q)
	}
	pinned, err := s.pinned(ctx, q, rules)
	if err != nil {
		return Answer{}, err
	}
	rest := q
	rest.After = nil
	for _, hit := range pinned.Hits {
		rest.Filter.Exclude = append(slices.Clip(rest.Filter.Exclude), hit.Document.ID)
	}
	rest.Offset = max(0, q.Offset-len(pinned.Hits))
	first := pinned.Hits[min(q.Offset, len(pinned.Hits)):]
	first = first[:min(q.Limit, len(first))]
	rest.Limit = q.Limit - len(first)
	answer, err := s.boosted(ctx, rest, rules)
	if err != nil {
		return Answer{}, err
	}
	if len(q.Facets) > 0 && len(pinned.Hits) > 0 {
		counted := q
		counted.Offset, counted.Limit, counted.After, counted.Highlight = 0, 0, nil, false
		facets, err := s.fetch(ctx, counted)
		if err != nil {
			return Answer{}, err
		}
		answer.Facets = facets.Facets
	}
	answer.Hits = append(slices.Clip(first), answer.Hits...)
	answer.Pinned = len(first)
	answer.Total += len(pinned.Hits)
	answer.Next = nil
	answer.Degraded = worse(answer.Degraded, pinned.Degraded)
	return answer, nil
}

// pinned returns the pinned products that pass the filters, in the order of the pins. They need not match the text.
func (s *Searcher) pinned(ctx context.Context, q Query, rules ruleEffects) (Answer, error) {
	ids := slices.DeleteFunc(slices.Clone(rules.pins), func(id ID) bool { return slices.Contains(q.Filter.Exclude, id) })
	if len(ids) == 0 {
		return Answer{}, nil
	}
	only := Query{Market: q.Market, Language: q.Language, Filter: q.Filter, Limit: len(ids)}
	only.Filter.IDs = ids
	answer, err := s.fetch(ctx, only)
	slices.SortFunc(answer.Hits, func(a, b Hit) int {
		return slices.Index(ids, a.Document.ID) - slices.Index(ids, b.Document.ID)
	})
	return answer, err
}

// boosted returns a page of hits with boosts applied: it reads the best boostWindow hits and reorders them.
func (s *Searcher) boosted(ctx context.Context, q Query, rules ruleEffects) (Answer, error) {
	if len(rules.boosts) == 0 || q.Offset+q.Limit > boostWindow {
		return s.fetch(ctx, q)
	}
	window := q
	window.Offset, window.Limit = 0, boostWindow
	answer, err := s.fetch(ctx, window)
	if err != nil {
		return Answer{}, err
	}
	slices.SortStableFunc(answer.Hits, func(a, b Hit) int { return cmp.Compare(rules.score(b), rules.score(a)) })
	from := min(q.Offset, len(answer.Hits))
	answer.Hits = answer.Hits[from:min(from+q.Limit, len(answer.Hits))]
	answer.Next = nil
	return answer, nil
}
