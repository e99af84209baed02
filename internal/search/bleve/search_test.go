package bleve

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// TestPopularity: it decides between equals, and never against what fits better.
func TestPopularity(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	loved, unknown, beside := product("red lantern"), product("red lantern small"), product("red mug")
	loved.Popularity, beside.Popularity = 40, 400
	beside.Description = "stands beside a lantern"
	unknown.Title = loved.Title
	put(t, store.Live(), "1", unknown, loved, beside)
	result := testkit.Must(store.Live().Search(t.Context(), search.Query{Text: "red lantern", Limit: 10}))(t)
	var slugs []string
	for _, hit := range result.Hits {
		slugs = append(slugs, hit.Document.Slug)
	}
	if diff := cmp.Diff([]string{loved.Slug, unknown.Slug, beside.Slug}, slugs); diff != "" {
		t.Errorf("the order (-want +got):\n%s", diff)
	}
}

// TestPagesByRelevance turns pages while documents come that make the words more frequent, and so everything's score
// another: every document of the beginning is found once.
func TestPagesByRelevance(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	var first []search.Document
	for i := range 60 {
		title := fmt.Sprintf("lantern number%d", i)
		if i%3 == 0 {
			title = "ceramic " + title
		}
		d := product(title)
		d.Popularity = int64(i % 7)
		first = append(first, d)
	}
	put(t, store.Live(), "1", first...)
	q := search.Query{Text: "ceramic lantern", Match: search.MatchAny, Limit: 7}
	seen := make(map[string]int)
	for page := 0; ; page++ {
		result := testkit.Must(store.Live().Search(t.Context(), q))(t)
		if len(result.Hits) == 0 {
			break
		}
		for _, hit := range result.Hits {
			seen[hit.Document.Title]++
		}
		q.After, q.Offset = result.Next, min(q.Offset+q.Limit, search.MaxWindow-q.Limit)
		put(t, store.Live(), "2", product(fmt.Sprintf("ceramic mug %d", page)), product(fmt.Sprintf("ceramic ceramic vase %d", page)))
	}
	for _, d := range first {
		if seen[d.Title] != 1 {
			t.Errorf("%q is on %d pages", d.Title, seen[d.Title])
		}
	}
}

// TestParts: a batch too large to be written at once is written whole.
func TestParts(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	var documents []search.Document
	for i := range 60 {
		d := product(fmt.Sprintf("lantern %d", i))
		d.Description = string(slices.Repeat([]byte("candle light "), search.MaxDocumentBytes/14))
		documents = append(documents, d)
	}
	put(t, store.Live(), "1", documents...)
	wantState(t, store.Live(), len(documents), "1")
	older := documents[0]
	older.Version, older.Title = 0, "an older title"
	put(t, store.Live(), "2", older)
	if diff := cmp.Diff([]string{"lantern 0"}, titles(t, store.Live(), search.Query{Text: `"lantern 0"`})); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}
