package bleve

import (
	"context"
	"slices"

	"meridian/internal/search"
)

// A run is one search of one view.
type run struct {
	query     search.Query
	view      *view
	columns   *dictionaries
	lexicon   *lexicon
	plan      plan
	matcher   *matcher // nil where the text has no words
	filter    *filter
	counter   *counter
	collector collector
	market    uint32
}

// search answers a query from one view.
func (v *view) search(ctx context.Context, q search.Query, d *dictionaries, synonyms map[string]*synonyms) (search.Result, error) {
	after, err := parseCursor(q.After)
	if err != nil {
		return search.Result{}, err
	}
	r := run{query: q, view: v, columns: d, lexicon: newLexicon(v), plan: newPlan(q, synonyms[q.Language]), filter: d.newFilter(q)}
	r.counter = d.newCounter(q, r.filter)
	defer r.counter.release()
	r.collector.keep = q.Limit
	if after == nil {
		r.collector.keep += q.Offset
	} else {
		r.collector.after = &after.last
	}
	if q.Limit == 0 {
		r.collector.keep = 0
	}
	if len(r.plan.concepts) > 0 {
		var weights []float64
		if after != nil {
			weights = after.weights
		}
		if err := r.lexicon.expand(&r.plan, synonyms[q.Language], q.Prefix); err != nil {
			return search.Result{}, err
		}
		if r.matcher, err = r.lexicon.prepare(r.plan, q, weights); err != nil {
			return search.Result{}, err
		}
	}
	if err := r.segments(ctx); err != nil {
		return search.Result{}, err
	}
	return r.result(after)
}

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

// everything considers all documents of a segment.
func (r *run) everything(n int, seg *segment) {
	for d := range seg.rows {
		if seg.deleted == nil || !seg.deleted.Contains(uint32(d)) {
			r.consider(place{int32(n), uint32(d)}, &seg.rows[d], 1)
		}
	}
}

// matching considers the documents of a segment that have enough of the words.
func (r *run) matching(n int, seg *segment, s *scores) error {
	var phrases []map[uint32]bool
	for _, p := range r.plan.phrases {
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

// consider filters, counts and ranks one document.
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

// result makes the answer of what was collected.
func (r *run) result(after *cursor) (search.Result, error) {
	found := r.collector.sorted()
	if after == nil {
		found = found[min(r.query.Offset, len(found)):]
	}
	result := search.Result{Total: r.collector.total, Facets: r.counter.facets(r.query, r.columns)}
	var stored record
	for i := range found {
		p := found[i].place
		hit := search.Hit{Score: found[i].score}
		err := withRecord(r.view.segments[p.segment].library, uint64(p.document), &stored, func() { hit.Document = stored.card() })
		if err != nil {
			return search.Result{}, err
		}
		if r.query.Highlight {
			hit.Highlights = r.plan.highlights(hit.Document)
		}
		result.Hits = append(result.Hits, hit)
	}
	if n := len(found); n > 0 {
		c := cursor{last: found[n-1]}
		for i := range r.plan.concepts {
			c.weights = append(c.weights, r.plan.concepts[i].rarity)
		}
		result.Next = c.texts()
	}
	return result, nil
}
