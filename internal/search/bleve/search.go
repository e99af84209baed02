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
	rest      collector // of documents that have only some of the words; keeps none unless they are asked for
}

// search answers a query from the view.
func (v *view) search(ctx context.Context, q search.Query, d *dictionaries, words language.Vocabulary) (search.Result, error) {
	after, err := decodeCursor(q.After)
	if err != nil {
		return search.Result{}, err
	}
	r := run{query: q, view: v, columns: d, lexicon: newLexicon(v), plan: concept.NewPlan(q, words),
		filter: d.newFilter(q), collector: newCollector(q, after)}
	if q.Rest {
		r.rest.keep = q.Limit
	}
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
		score, fit := r.matcher.score(s.mask[d], s.total[d], &seg.rows[d], r.collector.total < r.rest.keep)
		if fit == fitsNot || slices.ContainsFunc(phrases, func(p map[uint32]bool) bool { return !p[d] }) {
			continue
		}
		found := place{int32(n), d}
		if fit == fits {
			r.consider(found, &seg.rows[d], score)
		} else {
			r.considerRest(ranked{place: found, row: &seg.rows[d], score: score})
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

// considerRest collects a document that has only some of the words.
func (r *run) considerRest(d ranked) {
	if r.rest.wants(&d) && r.filter.judge(d.row) == passes {
		r.rest.add(d)
	}
}

// result returns the collected hits and facets.
func (r *run) result() (search.Result, error) {
	found := r.collector.sorted()
	if r.collector.after == nil {
		found = found[min(r.query.Offset, len(found)):]
	}
	result := search.Result{Total: r.collector.total, Partial: !r.view.filled, Facets: r.counter.facets(r.query, r.columns)}
	var err error
	if result.Hits, err = r.hits(found); err != nil {
		return search.Result{}, err
	}
	if r.query.Rest {
		rest := r.rest.sorted()
		if result.Rest, err = r.hits(rest[:min(len(rest), max(0, r.query.Limit-len(found)))]); err != nil {
			return search.Result{}, err
		}
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

// hits returns what is shown of documents; none is not nil.
func (r *run) hits(found []ranked) ([]search.Hit, error) {
	all, stored := make([]search.Hit, len(found)), record{}
	for i := range found {
		var err error
		if all[i], err = r.hit(&found[i], &stored); err != nil {
			return nil, err
		}
	}
	return all, nil
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
