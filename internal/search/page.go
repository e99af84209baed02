package search

import (
	"context"
	"slices"
)

// boostWindow is how many hits a boost can reorder: what was not among the best so many stays where it is.
const boostWindow = MaxLimit

// page is a part of the hits as query rules want them: what is pinned first, then the rest. Rules order hits by relevance
// only; who asked for the cheapest first gets that.
func (s *Searcher) page(ctx context.Context, q Query, does effect) (Answer, error) {
	byRelevance := q.Sort == "" || q.Sort == SortRelevance
	if !byRelevance || len(does.pins)+len(does.boosts) == 0 {
		return s.plain(ctx, q)
	}
	pinned, err := s.pinned(ctx, q, does)
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
	answer, err := s.boosted(ctx, rest, does)
	if err != nil {
		return Answer{}, err
	}
	if len(q.Facets) > 0 && len(pinned.Hits) > 0 {
		counted := q
		counted.Offset, counted.Limit, counted.After, counted.Highlight = 0, 0, nil, false
		facets, err := s.plain(ctx, counted)
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

// pinned are the pinned products that the filters let through, in the order of the pins. They need not have the text.
func (s *Searcher) pinned(ctx context.Context, q Query, does effect) (Answer, error) {
	ids := slices.DeleteFunc(slices.Clone(does.pins), func(id ID) bool { return slices.Contains(q.Filter.Exclude, id) })
	if len(ids) == 0 {
		return Answer{}, nil
	}
	only := Query{Market: q.Market, Language: q.Language, Filter: q.Filter, Limit: len(ids)}
	only.Filter.IDs = ids
	answer, err := s.plain(ctx, only)
	slices.SortFunc(answer.Hits, func(a, b Hit) int {
		return slices.Index(ids, a.Document.ID) - slices.Index(ids, b.Document.ID)
	})
	return answer, err
}

// boosted is a page of hits of which some count for more: the best of all are read and put in their new order.
func (s *Searcher) boosted(ctx context.Context, q Query, does effect) (Answer, error) {
	if len(does.boosts) == 0 || q.Offset+q.Limit > boostWindow {
		return s.plain(ctx, q)
	}
	window := q
	window.Offset, window.Limit = 0, boostWindow
	answer, err := s.plain(ctx, window)
	if err != nil {
		return Answer{}, err
	}
	slices.SortStableFunc(answer.Hits, func(a, b Hit) int {
		switch x, y := does.score(a), does.score(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	from := min(q.Offset, len(answer.Hits))
	answer.Hits = answer.Hits[from:min(from+q.Limit, len(answer.Hits))]
	answer.Next = nil
	return answer, nil
}
