package searchtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// rebuildTests test a new index beside the live one.
var rebuildTests = []test[search.Store]{
	{"a begun index is filled unseen, and takes the live one's place in one step", testRebuild},
	{"a begun index can be gone on with, and begun again", testResume},
	{"nothing is swapped that was not begun", testSwapNothing},
	{"searches see all of one index or all of the other while they are swapped", testSwapConcurrently},
}

// edition returns documents that are marked with their edition.
func edition(name string, n int) []search.Document {
	documents := make([]search.Document, 0, n)
	for i := range n {
		d := item{slug: fmt.Sprintf("%s-%d", name, i), title: "Almanac", brand: name, eu: 100}.document(i + 1)
		documents = append(documents, d)
	}
	return documents
}

func begin(t *testing.T, store search.Store) search.Index {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	index, err := store.Begin(ctx)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	return index
}

func resume(t *testing.T, store search.Store) search.Index {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	index, err := store.Resume(ctx)
	if err != nil {
		t.Fatalf("Resume: %v", err)
	}
	return index
}

func swap(t *testing.T, store search.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if err := store.Swap(ctx); err != nil {
		t.Fatalf("Swap: %v", err)
	}
}

func testRebuild(t *testing.T, store search.Store) {
	live := store.Live()
	apply(t, live, search.Changes{Put: edition("first", 4), Positions: map[string]string{"feed": "old", "gone": "1"}})
	begun := begin(t, store)
	if s := state(t, begun); s.Documents != 0 || len(s.Positions) != 0 {
		t.Errorf("a begun index has the state %+v", s)
	}
	apply(t, begun, search.Changes{Put: edition("second", 6), Positions: map[string]string{"feed": "new"}})
	wantTotal(t, begun, "almanac", 6)
	wantTotal(t, live, "almanac", 4)
	apply(t, live, search.Changes{Put: edition("first", 5), Positions: map[string]string{"feed": "old too"}}) // life goes on
	wantTotal(t, live, "almanac", 5)

	swap(t, store)
	if store.Live() != live {
		t.Error("the live index is another value after the swap")
	}
	wantTotal(t, live, "almanac", 6)
	if diff := cmp.Diff(map[string]string{"feed": "new"}, state(t, live).Positions); diff != "" {
		t.Errorf("positions after the swap (-want +got):\n%s", diff)
	}
	if _, err := store.Resume(t.Context()); !errors.Is(err, search.ErrNotBegun) {
		t.Errorf("Resume after the swap: %v, want ErrNotBegun", err)
	}
	apply(t, live, search.Changes{Put: edition("third", 7), Positions: map[string]string{"feed": "newer"}})
	wantTotal(t, live, "almanac", 7)
	if entries := allEntries(t, live, 100); len(entries) != 7 {
		t.Errorf("%d entries, want 7", len(entries))
	}
}

func wantTotal(t *testing.T, engine search.Engine, text string, want int) {
	t.Helper()
	if result := ask(t, engine, search.Query{Text: text, Language: "en", Limit: search.MaxLimit}); result.Total != want ||
		len(result.Hits) != want {
		t.Errorf("Search(%q): %d hits and a total of %d, want %d", text, len(result.Hits), result.Total, want)
	}
}

func testResume(t *testing.T, store search.Store) {
	if _, err := store.Resume(t.Context()); !errors.Is(err, search.ErrNotBegun) {
		t.Errorf("Resume of nothing: %v, want ErrNotBegun", err)
	}
	apply(t, begin(t, store), search.Changes{Put: edition("first", 3), Positions: map[string]string{"feed": "3"}})
	resumed := resume(t, store)
	if s := state(t, resumed); s.Documents != 3 || s.Positions["feed"] != "3" {
		t.Errorf("the resumed index has the state %+v, want 3 documents at position 3", s)
	}
	apply(t, resumed, search.Changes{Put: edition("second", 5)})
	wantTotal(t, resumed, "almanac", 5)

	again := begin(t, store)
	if s := state(t, again); s.Documents != 0 || len(s.Positions) != 0 {
		t.Errorf("an index that was begun again has the state %+v", s)
	}
	apply(t, again, search.Changes{Put: edition("third", 2)})
	swap(t, store)
	wantTotal(t, store.Live(), "almanac", 2)
}

func testSwapNothing(t *testing.T, store search.Store) {
	apply(t, store.Live(), search.Changes{Put: edition("first", 3)})
	if err := store.Swap(t.Context()); !errors.Is(err, search.ErrNotBegun) {
		t.Errorf("Swap of nothing: %v, want ErrNotBegun", err)
	}
	wantTotal(t, store.Live(), "almanac", 3)
}

// testSwapConcurrently swaps editions of 40 documents while others search: each answer has 40 documents of one edition.
func testSwapConcurrently(t *testing.T, store search.Store) {
	const size, swaps, searchers = 40, 4, 3
	live := store.Live()
	apply(t, live, search.Changes{Put: edition("edition-0", size)})
	ctx, stop := context.WithCancel(t.Context())
	var searching sync.WaitGroup
	for range searchers {
		searching.Go(func() {
			for ctx.Err() == nil {
				if fault := mixed(ctx, live, size); fault != "" {
					t.Error(fault)
					return
				}
			}
		})
	}
	defer searching.Wait()
	defer stop()
	for n := range swaps {
		begun := begin(t, store)
		half := edition(fmt.Sprintf("edition-%d", n+1), size)
		apply(t, begun, search.Changes{Put: half[:size/2]})
		apply(t, begun, search.Changes{Put: half[size/2:]})
		swap(t, store)
	}
}

// mixed searches once, and returns what is wrong with the answer.
func mixed(ctx context.Context, live search.Index, size int) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testkit.Patience)
	defer cancel()
	result, err := live.Search(ctx, search.Query{Text: "almanac", Language: "en", Market: "eu",
		Facets: []search.FacetKind{search.FacetBrand}, Limit: search.MaxLimit})
	if err != nil {
		return fmt.Sprintf("a search during a swap: %v", err)
	}
	brands := make(map[string]bool)
	for _, hit := range result.Hits {
		name, _, _ := strings.Cut(hit.Document.Slug, "-")
		brands[name+hit.Document.Brand] = true
	}
	if len(brands) != 1 || len(result.Hits) != size || result.Total != size {
		return fmt.Sprintf("a search during a swap finds %d of %d, of %d editions", len(result.Hits), result.Total, len(brands))
	}
	if counts := result.Facets.Brands; len(counts) != 1 || counts[0].Count != size {
		return fmt.Sprintf("a search during a swap counts %v", counts)
	}
	return ""
}
