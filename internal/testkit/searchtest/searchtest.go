package searchtest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// Run runs the suite. open returns an empty store with search.ShippedWords, and registers its cleanup with t.Cleanup.
// It is called for every store that the suite needs, and the suite may close the store before the cleanup does.
func Run(t *testing.T, open func(t *testing.T) search.Store) {
	t.Run("shop", func(t *testing.T) {
		s := filled(t, open(t), shop())
		run(t, textTests, s)
		run(t, wordTests, s)
		run(t, filterTests, s)
		run(t, orderTests, s)
	})
	t.Run("understood", func(t *testing.T) {
		run(t, understoodTests, filled(t, open(t), understood()))
	})
	t.Run("generated", func(t *testing.T) {
		run(t, generatedTests, filled(t, open(t), generate(400)))
	})
	for _, tests := range [][]test[search.Store]{synonymTests, facetTests, writeTests, rebuildTests, faultTests} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
		}
	}
}

// A test is a sentence about engines, and the function that checks it.
type test[On any] struct {
	name string
	run  func(*testing.T, On)
}

func run[On any](t *testing.T, tests []test[On], on On) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, on) })
	}
}

// stock is an engine with the documents in it.
type stock struct {
	search.Engine
	documents []search.Document
}

// filled writes documents to the store's live index.
func filled(t *testing.T, store search.Store, documents []search.Document) stock {
	t.Helper()
	apply(t, store.Live(), search.Changes{Put: documents})
	return stock{store.Live(), documents}
}

func apply(t *testing.T, index search.Index, changes search.Changes) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if err := index.Apply(ctx, changes); err != nil {
		t.Fatalf("Apply of %d documents and %d deletions: %v", len(changes.Put), len(changes.Delete), err)
	}
}

func state(t *testing.T, index search.Index) search.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	state, err := index.State(ctx)
	if err != nil {
		t.Fatalf("State: %v", err)
	}
	return state
}

// ask searches, and checks what must be true of every answer.
func ask(t testkit.TB, engine search.Engine, q search.Query) search.Result {
	t.Helper()
	if err := q.Validate(); err != nil {
		t.Fatalf("the suite asks a query that is none: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	result, err := engine.Search(ctx, q)
	if err != nil {
		t.Fatalf("Search(%+v): %v", q, err)
	}
	checkAnswer(t, q, result)
	return result
}

func checkAnswer(t testkit.TB, q search.Query, result search.Result) {
	t.Helper()
	if len(result.Hits) > q.Limit {
		t.Fatalf("Search(%+v): %d hits, at most %d were asked for", q, len(result.Hits), q.Limit)
	}
	if len(q.After) == 0 && len(result.Hits) > 0 && result.Total < q.Offset+len(result.Hits) {
		t.Fatalf("Search(%+v): a total of %d, with hits up to %d", q, result.Total, q.Offset+len(result.Hits))
	}
	if len(result.Ignored) > 0 {
		t.Fatalf("Search(%+v): %v is ignored; an engine of its own region heeds everything", q, result.Ignored)
	}
	seen := make(map[uuid.UUID]bool)
	for _, hit := range result.Hits {
		if seen[hit.Document.ID] {
			t.Fatalf("Search(%+v): %s is there twice", q, hit.Document.Slug)
		}
		seen[hit.Document.ID] = true
		if !(hit.Score > 0 && hit.Score <= 1) {
			t.Fatalf("Search(%+v): %s has the score %v", q, hit.Document.Slug, hit.Score)
		}
		if !q.Highlight && hit.Highlights != nil {
			t.Fatalf("Search(%+v): %s has highlights that nobody asked for", q, hit.Document.Slug)
		}
	}
}

// slugs returns the slugs of the hits, in order.
func slugs(result search.Result) []string {
	found := []string{}
	for _, hit := range result.Hits {
		found = append(found, hit.Document.Slug)
	}
	return found
}

func idsOf(result search.Result) []uuid.UUID {
	found := []uuid.UUID{}
	for _, hit := range result.Hits {
		found = append(found, hit.Document.ID)
	}
	return found
}

// wantSlugs fails unless the query finds exactly these documents, in this order.
func wantSlugs(t *testing.T, engine search.Engine, q search.Query, want ...string) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = search.MaxLimit
	}
	if want == nil {
		want = []string{}
	}
	result := ask(t, engine, q)
	if diff := cmp.Diff(want, slugs(result)); diff != "" {
		t.Errorf("Search(%q %+v) (-want +got):\n%s", q.Text, q.Filter, diff)
	}
	if result.Total != len(want) {
		t.Errorf("Search(%q %+v): a total of %d, want %d", q.Text, q.Filter, result.Total, len(want))
	}
}
