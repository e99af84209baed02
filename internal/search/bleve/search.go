package bleve

import (
	"context"
	"slices"

	"meridian/internal/search"
	"meridian/internal/search/concept"
	"meridian/internal/search/language"
)

// A run is one search of one view.
type run struct {
	query     search.Query
	view      *view
	columns   *dictionaries
	lexicon   *lexicon
	plan      concept.Plan
	matcher   *matcher // nil if the text has no words
	filter    *filter
	counter   *counter
	collector collector
}

// search answers a query from the view.
func (v *view) search(ctx context.Context, q search.Query, d *dictionaries, words language.Vocabulary) (search.Result, error) {
	after, err := decodeCursor(q.After)
	if err != nil {
		return search.Result{}, err
	}
	r := run{query: q, view: v, columns: d, lexicon: newLexicon(v), plan: concept.NewPlan(q, words),
		filter: d.newFilter(q), collector: newCollector(q, after)}
	r.counter = d.newCounter(q, r.filter)
	defer r.counter.release()
	if len(r.plan.Concepts) > 0 {
		if err := r.plan.Expand(r.lexicon, words, q.Prefix); err != nil {
			return search.Result{}, err
		}
		if r.matcher, err = r.lexicon.prepare(r.plan, q.Match, after); err != nil {
			return search.Result{}, err
		}
	}
	if err := r.segments(ctx); err != nil {
		return search.Result{}, err
	}
	return r.result()
}

// newCollector returns a collector for the query's page, including the hits before it unless a cursor skips them.
func newCollector(q search.Query, after *cursor) collector {
	switch {
	case q.Limit == 0:
		return collector{}
	case after != nil:
		return collector{keep: q.Limit, after: &after.last}
	}
	return collector{keep: q.Offset + q.Limit}
}

// segments adds the documents of all segments.
func (r *run) segments(ctx context.Context) error {
	s := scorePool.Get().(*scores)
	defer scorePool.Put(s)
	for n := range r.view.segments {
		if err := ctx.Err(); err != nil {
			return unavailable(err)
		}
		seg := &r.view.segments[n]
		if r.matcher == nil {
			r.everything(n, seg)
			continue
		}
		if err := r.matcher.segment(n, seg, s); err != nil {
			return err
		}
		if err := r.matching(n, seg, s); err != nil {
			return err
		}
	}
	return nil
}

// everything adds all documents of a segment.
func (r *run) everything(n int, seg *segment) {
	for d := range seg.rows {
		if seg.deleted == nil || !seg.deleted.Contains(uint32(d)) {
			r.consider(place{int32(n), uint32(d)}, &seg.rows[d], 1)
		}
	}
}

// matching adds the documents of a segment that match the text.
func (r *run) matching(n int, seg *segment, s *scores) error {
	var phrases []map[uint32]bool
	for _, p := range r.plan.Phrases {
		documents, err := r.lexicon.phraseDocuments(p, n)
		if err != nil {
			return err
		}
		phrases = append(phrases, documents)
	}
	for _, d := range s.matching {
		score, ok := r.matcher.score(s.mask[d], s.total[d], &seg.rows[d])
		if ok && !slices.ContainsFunc(phrases, func(p map[uint32]bool) bool { return !p[d] }) {
			r.consider(place{int32(n), d}, &seg.rows[d], score)
		}
	}
	return nil
}

// consider filters, counts and collects a document.
func (r *run) consider(p place, row *row, score float64) {
	verdict := r.filter.judge(row)
	if verdict == out {
		return
	}
	if r.counter != nil {
		r.counter.count(row, verdict)
	}
	if verdict == passes {
		r.collector.add(ranked{place: p, row: row, key: sortKey(row, r.query.Sort, r.filter.market), score: score})
	}
}

// result returns the collected hits and facets.
func (r *run) result() (search.Result, error) {
	found := r.collector.sorted()
	if r.collector.after == nil {
		found = found[min(r.query.Offset, len(found)):]
	}
	result := search.Result{Total: r.collector.total, Partial: !r.view.filled, Facets: r.counter.facets(r.query, r.columns)}
	var stored record
	for i := range found {
		hit, err := r.hit(&found[i], &stored)
		if err != nil {
			return search.Result{}, err
		}
		result.Hits = append(result.Hits, hit)
	}
	if n := len(found); n > 0 {
		c := cursor{last: found[n-1]}
		if r.matcher != nil {
			c.popular, c.weights = r.matcher.popular, r.matcher.rarity
		}
		result.Next = c.encode()
	}
	return result, nil
}

func (r *run) hit(found *ranked, stored *record) (search.Hit, error) {
	hit := search.Hit{Score: found.score}
	library := r.view.segments[found.place.segment].library
	if err := withRecord(library, uint64(found.place.document), stored, func() { hit.Document = stored.card() }); err != nil {
		return search.Hit{}, err
	}
	if r.query.Highlight {
		hit.Highlights = r.plan.Highlights(hit.Document)
	}
	return hit, nil
}
