package searchtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// writeTests test what Apply writes, and what an index reports of it.
var writeTests = []test[search.Store]{
	{"a new store is empty and without positions", testNew},
	{"what is applied is searchable at once", testApply},
	{"a document replaces all of the one before", testReplace},
	{"applying again changes nothing", testApplyAgain},
	{"positions move by name", testPositions},
	{"entries are listed by id, page by page, with their fingerprints", testEntries},
	{"what is due is listed", testDue},
	{"a document that is refused moves no position, and is told by its kind", testRejected},
	{"a large document and a large batch are taken", testLarge},
	{"pages stay when documents come and go between them", testPagesChange},
	{"the window ends, and the total says whether it was counted to the end", testWindow},
}

func testNew(t *testing.T, store search.Store) {
	if kind := store.Kind(); kind != "bleve" && kind != "meilisearch" {
		t.Errorf("the kind is %q", kind)
	}
	if s := state(t, store.Live()); s.Documents != 0 || len(s.Positions) != 0 {
		t.Errorf("a new store has the state %+v", s)
	}
	wantSlugs(t, store.Live(), search.Query{})
	if entries := allEntries(t, store.Live(), 10); len(entries) != 0 {
		t.Errorf("a new store has the entries %v", entries)
	}
	apply(t, store.Live(), search.Changes{}) // nothing is a change too
	apply(t, store.Live(), search.Changes{Delete: []uuid.UUID{idOf(1)}})
}

func testApply(t *testing.T, store search.Store) {
	live := store.Live()
	for n := range 5 {
		d := item{slug: fmt.Sprint("jug-", n), title: "Jug", popularity: int64(10 - n)}.document(n + 1)
		changes := search.Changes{Put: []search.Document{d}, Positions: map[string]string{"feed": d.Slug}}
		if n == 3 {
			changes.Delete = []uuid.UUID{idOf(1), idOf(2), idOf(1234)}
		}
		apply(t, live, changes)
		if result := ask(t, live, search.Query{Text: "jug", Language: "en", Filter: search.Filter{IDs: ids(d)},
			Limit: 1}); len(result.Hits) != 1 {
			t.Fatalf("%s is not found right after it was applied", d.Slug)
		}
	}
	wantSlugs(t, live, search.Query{}, "jug-2", "jug-3", "jug-4")
	if s := state(t, live); s.Documents != 3 || s.Positions["feed"] != "jug-4" {
		t.Errorf("the state is %+v, want 3 documents and the position jug-4", s)
	}
}

func testReplace(t *testing.T, store search.Store) {
	live := store.Live()
	old := item{slug: "old", title: "Anemometer", brand: "Fenwick", category: "mugs", about: "Barometer", codes: []string{"AN-1"},
		attributes: "color=red", eu: 100, us: 200, rating: 5000, ratings: 1, popularity: 9}
	apply(t, live, search.Changes{Put: []search.Document{old.document(1)}})
	fresh := item{slug: "new", title: "Telescope", brand: "Lumen", category: "phones", jp: 300, stock: search.StockOut, day: 9}.document(1)
	apply(t, live, search.Changes{Put: []search.Document{fresh}})
	for _, q := range []search.Query{
		{Text: "anemometer"}, {Text: "barometer"}, {Text: "fenwick"}, {Text: "AN-1"}, {Text: "red"},
		{Filter: search.Filter{Brands: []string{"Fenwick"}}}, {Filter: search.Filter{Category: "mugs"}},
		{Filter: search.Filter{Attributes: old.document(1).Attributes}},
		{Market: "eu", Filter: search.Filter{MinPrice: new(int64(0))}}, {Filter: search.Filter{MinRating: 1000}},
		{Filter: search.Filter{InStock: true}},
	} {
		wantSlugs(t, live, q)
	}
	result := ask(t, live, search.Query{Text: "telescope", Market: "jp", Facets: search.AllFacets, Limit: 10})
	if len(result.Hits) != 1 || diffCards(fresh.Card(), inUTC(result.Hits[0].Document)) != "" {
		t.Errorf("the new one is %+v, want %+v", result.Hits, fresh.Card())
	}
	wantFacets(t, []search.Document{fresh}, search.Query{Market: "jp", Facets: search.AllFacets}, result)
	if s := state(t, live); s.Documents != 1 {
		t.Errorf("%d documents, want 1", s.Documents)
	}
}

func inUTC(c search.Card) search.Card {
	c.ListedAt = c.ListedAt.UTC()
	return c
}

func testApplyAgain(t *testing.T, store search.Store) {
	documents := shop()
	changes := search.Changes{Put: documents[:20], Delete: ids(documents[20:]...), Positions: map[string]string{"feed": "20"}}
	var before []search.Entry
	for range 3 {
		apply(t, store.Live(), changes)
		entries := allEntries(t, store.Live(), 7)
		if before != nil && !slices.Equal(before, entries) {
			t.Errorf("applying again changed the entries from %v to %v", before, entries)
		}
		before = entries
		if s := state(t, store.Live()); s.Documents != 20 || s.Positions["feed"] != "20" {
			t.Errorf("the state is %+v, want 20 documents at position 20", s)
		}
	}
}

func testPositions(t *testing.T, store search.Store) {
	live := store.Live()
	const odd = "2026-03-01T09:00:00.123456Z \"'\\ é 伊\n"
	steps := []struct{ set, want map[string]string }{
		{map[string]string{"products": "1"}, map[string]string{"products": "1"}},
		{map[string]string{"stock of €/x y": odd}, map[string]string{"products": "1", "stock of €/x y": odd}},
		{nil, map[string]string{"products": "1", "stock of €/x y": odd}},
		{map[string]string{"products": "2", "ratings": ""}, map[string]string{"products": "2", "stock of €/x y": odd, "ratings": ""}},
	}
	for _, step := range steps {
		apply(t, live, search.Changes{Put: shop()[:1], Positions: step.set})
		if diff := cmp.Diff(step.want, state(t, live).Positions); diff != "" {
			t.Errorf("positions after %v (-want +got):\n%s", step.set, diff)
		}
	}
	if s := state(t, live); s.Documents != 1 {
		t.Errorf("%d documents, want 1: positions are none", s.Documents)
	}
	wantSlugs(t, live, search.Query{}, shop()[0].Slug)
}

// allEntries lists all entries in pages, and checks that they ascend.
func allEntries(t *testing.T, index search.Index, limit int) []search.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	var all []search.Entry
	for after := uuid.Nil; ; after = all[len(all)-1].ID {
		entries, err := index.Entries(ctx, after, limit)
		if err != nil {
			t.Fatalf("Entries: %v", err)
		}
		all = append(all, entries...)
		if len(entries) > limit {
			t.Fatalf("%d entries, at most %d were asked for", len(entries), limit)
		}
		if len(entries) < limit {
			break
		}
	}
	if !slices.IsSortedFunc(all, func(a, b search.Entry) int { return compareIDs(a.ID, b.ID) }) {
		t.Errorf("entries are not in order of their ids: %v", all)
	}
	return all
}

func testEntries(t *testing.T, store search.Store) {
	documents := shop()
	for i := range documents { // ids that differ in every byte, so that their order is that of all their bytes
		documents[i].ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(documents[i].Slug))
	}
	slices.SortFunc(documents, func(a, b search.Document) int { return compareIDs(a.ID, b.ID) })
	apply(t, store.Live(), search.Changes{Put: documents, Positions: map[string]string{"feed": "1"}})
	var want []search.Entry
	for _, d := range documents {
		want = append(want, search.Entry{ID: d.ID, Version: d.Version, Fingerprint: d.Fingerprint()})
	}
	for _, limit := range []int{1, 7, len(documents), 1000} {
		if diff := cmp.Diff(want, allEntries(t, store.Live(), limit)); diff != "" {
			t.Errorf("entries by %d (-want +got):\n%s", limit, diff)
		}
	}
}

func testDue(t *testing.T, store search.Store) {
	documents := shop()[:10]
	for i := range documents {
		documents[i].GoodUntil = opened.AddDate(0, 0, i)
	}
	apply(t, store.Live(), search.Changes{Put: documents})
	for _, tt := range []struct{ day, limit, want int }{{-1, 10, 0}, {0, 10, 1}, {3, 10, 4}, {30, 100, 10}, {30, 3, 3}} {
		due, err := store.Live().Due(t.Context(), opened.AddDate(0, 0, tt.day), tt.limit)
		if err != nil {
			t.Fatalf("Due: %v", err)
		}
		slices.SortFunc(due, compareIDs)
		if len(due) != tt.want || len(slices.Compact(due)) != tt.want || tt.limit >= 10 && !slices.Equal(due, ids(documents[:tt.want]...)) {
			t.Errorf("on day %d %v are due, want %d", tt.day, due, tt.want)
		}
	}
}

func testRejected(t *testing.T, store search.Store) {
	live := store.Live()
	good := shop()[:3]
	apply(t, live, search.Changes{Put: good[:1], Positions: map[string]string{"feed": "1"}})
	bad := good[2]
	bad.ID, bad.Title = uuid.Nil, ""
	err := live.Apply(t.Context(), search.Changes{Put: []search.Document{good[1], bad}, Positions: map[string]string{"feed": "2"}})
	if err == nil {
		t.Skip("this engine takes a document without id and title")
	}
	if _, rejected := errors.AsType[*search.RejectedError](err); !rejected || errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a document without id and title: %v, want a *search.RejectedError", err)
	}
	if s := state(t, live); s.Positions["feed"] != "1" {
		t.Errorf("positions %v moved with a batch that was refused", s.Positions)
	}
	apply(t, live, search.Changes{Put: good[1:], Positions: map[string]string{"feed": "2"}})
	if s := state(t, live); s.Positions["feed"] != "2" || s.Documents != 3 {
		t.Errorf("the state is %+v, want the other documents at position 2", s)
	}
}

func testLarge(t *testing.T, store search.Store) {
	documents := generate(1000)
	large := item{slug: "large", title: "Encyclopaedia", about: "Zeppelin " + strings.Repeat("lorem ipsum ", 20_000)}.document(5000)
	if err := large.Validate(); err != nil {
		t.Fatalf("the suite's own document: %v", err)
	}
	apply(t, store.Live(), search.Changes{Put: append(documents, large), Positions: map[string]string{"feed": "1"}})
	if s := state(t, store.Live()); s.Documents != len(documents)+1 {
		t.Errorf("%d documents, want %d", s.Documents, len(documents)+1)
	}
	wantSlugs(t, store.Live(), search.Query{Text: "zeppelin", Language: "en"}, "large")
	if diff := cmp.Diff(len(documents)+1, len(allEntries(t, store.Live(), 500))); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	apply(t, store.Live(), search.Changes{Delete: ids(documents...)})
	wantSlugs(t, store.Live(), search.Query{}, "large")
}

// testPagesChange deletes hits that were seen, and inserts others before and after them, while it pages.
func testPagesChange(t *testing.T, store search.Store) {
	documents := generate(120)
	s := filled(t, store, documents)
	q := search.Query{Sort: search.SortNewest, Limit: 25}
	if len(ask(t, s, q).Next) == 0 {
		t.Skip("this engine goes by offset")
	}
	sorted := inOrder(documents, "", q.Sort)
	fresh := func(n, day int) search.Document { return item{slug: "fresh", title: "Marble", day: day}.document(n) }
	got := pages(t, s, q, func(page int) {
		apply(t, store.Live(), search.Changes{Put: []search.Document{fresh(1000+page, 400)}, Delete: ids(sorted[page*25 : page*25+10]...)})
	})
	got = slices.DeleteFunc(got, func(id uuid.UUID) bool { return compareIDs(id, idOf(999)) > 0 })
	if want := ids(sorted...); !slices.Equal(got, want) {
		t.Errorf("the pages have %d hits, want each of %d once and in order (-want +got):\n%s", len(got), len(want),
			cmp.Diff(want, got, cmpopts.EquateEmpty()))
	}
}

func testWindow(t *testing.T, store search.Store) {
	documents := generate(search.MaxWindow + 50)
	s := filled(t, store, documents)
	for _, text := range []string{"", "marble"} {
		q := search.Query{Text: text, Language: "en", Offset: search.MaxWindow - 10, Limit: 10}
		result := ask(t, s, q)
		if len(result.Hits) != 10 {
			t.Errorf("Search(%q): %d hits at the end of the window, want 10", text, len(result.Hits))
		}
		all, some := result.Total == len(documents) && !result.More, result.Total >= search.MaxWindow && result.Total <= len(documents) &&
			result.More
		if !all && !some {
			t.Errorf("Search(%q): a total of %d (more: %t) of %d documents", text, result.Total, result.More, len(documents))
		}
	}
	got := pages(t, s, search.Query{Limit: search.MaxLimit}, nil)
	want := ids(inOrder(documents, "", search.SortRelevance)[:search.MaxWindow]...)
	if !slices.Equal(got, want) {
		t.Errorf("the window's pages have %d hits, want the first %d in order", len(got), len(want))
	}
	if s := state(t, store.Live()); s.Documents != len(documents) {
		t.Errorf("%d documents, want %d: they are counted to the end", s.Documents, len(documents))
	}
	q := search.Query{Facets: []search.FacetKind{search.FacetBrand}}
	wantFacets(t, documents, q, ask(t, s, q)) // of all, not of the window
}
