package eval

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meridian/internal/search"
)

// Config says what to measure. Corpus, Set, Store and Dir are required.
type Config struct {
	Corpus *Corpus
	Set    Set
	// Store is the engine to measure. An index of the corpus replaces its live one.
	Store search.Store
	// Dir is an empty folder for the plain systems' indexes.
	Dir string
	// Typos is the number of typing errors a query has in a second measurement; 0 for no second one.
	Typos int
	// Sample is the number of queries to draw; 0 for all.
	Sample int
	// Seed determines the errors and the sample.
	Seed uint64
	// Language is that of queries that name none; "en".
	Language string
	// Progress, if not nil, is called with the current step and how far it is, by several goroutines at once.
	Progress func(what string, done, total int)
}

// A run holds one evaluation.
type run struct {
	Config
	documents []search.Document
	grades    map[string]grades
	asked     []Query // as they are, and mistyped in the same order
	mistyped  []Query
	hasTypo   []bool
}

// Run fills the indexes, asks all queries and returns the measures.
func Run(ctx context.Context, c Config) (Report, error) {
	r := &run{Config: c, documents: c.Corpus.Documents()}
	r.Language = cmp.Or(c.Language, "en")
	if r.Progress == nil {
		r.Progress = func(string, int, int) {}
	}
	report := Report{Documents: len(r.documents), Seed: c.Seed, Engine: c.Store.Kind()}
	var err error
	if report.UnknownDocuments, err = r.resolve(); err != nil {
		return report, err
	}
	r.draw()
	report.Queries = len(r.asked)
	for _, s := range plainSystems {
		if err := r.measurePlain(ctx, s, &report); err != nil {
			return report, err
		}
	}
	if err := r.measureEngine(ctx, &report); err != nil {
		return report, err
	}
	report.compare()
	return report, nil
}

// resolve finds the judged documents and returns how many are missing. Those stay in the ideal order, since they would
// be the best answers all the same.
func (r *run) resolve() (unknown int, err error) {
	r.grades = make(map[string]grades)
	judgements, missing := 0, make(map[string]bool)
	for query, byName := range r.Set.Judgements {
		g := make(grades, len(byName))
		for name, grade := range byName {
			judgements++
			id, known := r.Corpus.ID(name)
			if !known {
				missing[name] = true
				id = uuid.NewSHA1(namespace, []byte(name))
			}
			g[id] = max(g[id], grade) // two SKUs of one product
		}
		r.grades[query] = g
	}
	if judgements > 0 && len(missing) > 0 && !r.anyKnown() {
		return 0, errors.New("none of the judged documents is among those that are searched: name their file with --documents")
	}
	return len(missing), nil
}

func (r *run) anyKnown() bool {
	for _, byName := range r.Set.Judgements {
		for name := range byName {
			if _, known := r.Corpus.ID(name); known {
				return true
			}
		}
	}
	return false
}

// draw takes the sample and makes the typing errors, both by a query's id alone.
func (r *run) draw() {
	r.asked = slices.Clone(r.Set.Queries)
	if r.Sample > 0 && r.Sample < len(r.asked) {
		slices.SortFunc(r.asked, func(a, b Query) int { return cmp.Or(cmp.Compare(r.lot(a), r.lot(b)), cmp.Compare(a.ID, b.ID)) })
		r.asked = r.asked[:r.Sample]
	}
	if r.Typos == 0 {
		return
	}
	r.mistyped, r.hasTypo = slices.Clone(r.asked), make([]bool, len(r.asked))
	for i, q := range r.asked {
		if text, ok := mistype(q.Text, q.ID, r.Typos, r.Seed); ok {
			r.mistyped[i].Text, r.hasTypo[i] = text, true
		}
	}
}

func (r *run) lot(q Query) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(q.ID)) // it cannot fail
	return rand.New(rand.NewPCG(r.Seed, hash.Sum64())).Uint64()
}

func (r *run) measurePlain(ctx context.Context, s plainSystem, report *Report) error {
	index, err := s.fill(ctx, r.Dir, r.documents, func(done int) { r.Progress("indexing, "+s.name, done, len(r.documents)) })
	if err != nil {
		return err
	}
	return errors.Join(r.measure(ctx, s.name, plainRanker(index), report), index.Close())
}

// measureEngine fills a new index of the store, swaps it in and measures it.
func (r *run) measureEngine(ctx context.Context, report *Report) error {
	fresh, err := r.Store.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin an index: %w", err)
	}
	for from := 0; from < len(r.documents); from += fillBatch {
		to := min(from+fillBatch, len(r.documents))
		changes := search.Changes{Put: r.documents[from:to]}
		if to == len(r.documents) { // else the index would count as one that is being filled
			changes.Positions = map[string]string{search.PositionFilled: "eval"}
		}
		if err := fresh.Apply(ctx, changes); err != nil {
			return fmt.Errorf("fill the index: %w", err)
		}
		r.Progress("indexing, "+r.Store.Kind(), to, len(r.documents))
	}
	if err := r.Store.Swap(ctx); err != nil {
		return fmt.Errorf("swap the index: %w", err)
	}
	rank, err := r.engineRanker(r.Store.Live())
	if err != nil {
		return err
	}
	return r.measure(ctx, r.Store.Kind(), rank, report)
}

// engineRanker returns a ranker that searches as the shop does (search.Searcher): with the claims of the text, again for
// any of the words if nothing is found, and filled up if the list is short.
func (r *run) engineRanker(engine search.Engine) (ranker, error) {
	searcher, err := search.Over(engine)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q Query) (ranking, error) {
		result, err := searcher.Search(ctx, search.Request{
			Query: search.Query{Text: q.Text, Language: cmp.Or(q.Language, r.Language), Limit: depth},
		})
		found := ranking{loosened: result.Loosened != search.NotLoosened}
		for _, hit := range result.Hits {
			found.ids = append(found.ids, hit.Document.ID)
		}
		return found, err
	}, nil
}

// measure asks a system all queries, as they are and mistyped, and adds the figures to the report.
func (r *run) measure(ctx context.Context, name string, rank ranker, report *Report) error {
	outcomes, err := r.ask(ctx, name, rank, r.asked)
	if err != nil {
		return err
	}
	report.add(name, 0, outcomes)
	if r.Typos == 0 {
		return nil
	}
	mistyped, err := r.ask(ctx, name+" with typos", rank, r.mistyped)
	if err != nil {
		return err
	}
	// Only what was mistyped is compared: the others would hide what it costs.
	var with, without []Outcome
	for i, typo := range r.hasTypo {
		if typo {
			with, without = append(with, mistyped[i]), append(without, outcomes[i])
		}
	}
	report.addTypos(name, r.Typos, with, without)
	return nil
}

// ask returns a system's outcomes, asking as many queries at once as there are processors.
func (r *run) ask(ctx context.Context, name string, rank ranker, queries []Query) ([]Outcome, error) {
	outcomes := make([]Outcome, len(queries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var done atomic.Int64
	for i, q := range queries {
		group.Go(func() error {
			found, err := rank(ctx, q)
			if err != nil {
				return fmt.Errorf("%s: query %s: %w", name, q.ID, err)
			}
			outcomes[i] = r.newOutcome(name, q, found)
			r.Progress("asking, "+name, int(done.Add(1)), len(queries))
			return nil
		})
	}
	return outcomes, group.Wait()
}

func (r *run) newOutcome(system string, q Query, found ranking) Outcome {
	g, ids := r.grades[q.ID], found.ids
	o := Outcome{
		System: system, Query: q, Found: len(ids), Judged: g.judgedOf(ids), Loosened: found.loosened,
		NDCG: g.ndcg(ids), ReciprocalRank: g.reciprocalRank(ids), Recall: g.recall(ids), first: r.namesOf(ids),
	}
	for _, grade := range g {
		o.Relevant += min(1, grade)
	}
	return o
}

// namesOf returns the titles of documents.
func (r *run) namesOf(ids []uuid.UUID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		at, known := slices.BinarySearchFunc(r.documents, id, func(d search.Document, id uuid.UUID) int { return bytes.Compare(d.ID[:], id[:]) })
		if known {
			names[i] = r.documents[at].Title
		}
	}
	return names
}
