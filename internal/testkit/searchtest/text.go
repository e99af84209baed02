package searchtest

import (
	"slices"
	"strings"
	"testing"

	"meridian/internal/search"
)

// textTests test what a text finds, and in which order.
var textTests = []test[stock]{
	{"a title counts more than a brand, a category, an attribute, a description", testFieldOrder},
	{"a document with more of the words comes first", testFuller},
	{"any word is enough where that is asked", testMatchAny},
	{"a text of two words wants both", testBothWords},
	{"the rest of a page is what any of the words finds besides", testRest},
	{"documents that fit alike are in order of popularity", testPopular},
	{"case and order of words do not matter", testCaseAndOrder},
	{"a phrase wants its words beside each other", testPhrase},
	{"words in phrases must be there whatever else may be missing", testPhraseMustMatch},
	{"the last word is a prefix only when asked", testPrefix},
	{"no text finds everything", testNoText},
	{"words beyond the tenth are not looked at", testManyWords},
	{"signs are not operators", testSigns},
	{"hits have the card of their document", testCards},
	{"highlights are the parts that were searched for", testHighlights},
}

func testFieldOrder(t *testing.T, s stock) {
	wantSlugs(t, s, search.Query{Text: "heron", Language: "en"}, "heron-title", "heron-brand", "heron-category", "heron-attribute",
		"heron-description")
}

func testFuller(t *testing.T, s stock) {
	for _, match := range []search.Match{search.MatchMost, search.MatchAny} {
		found := slugs(ask(t, s, search.Query{Text: "velvet turquoise cushion", Match: match, Language: "en", Limit: 10}))
		wantOrder(t, found, "velvet-turquoise-cushion", "velvet-turquoise", "velvet")
		if len(found) == 0 || found[0] != "velvet-turquoise-cushion" {
			t.Errorf("match %v: %v, want the document with all three words first", match, found)
		}
	}
}

// wantOrder fails if two documents are found in another order. Documents that are not found do not count.
func wantOrder(t *testing.T, found []string, order ...string) {
	t.Helper()
	last := -1
	for _, slug := range order {
		at := slices.Index(found, slug)
		if at >= 0 && at < last {
			t.Errorf("found %v, want the order %v", found, order)
			return
		}
		last = max(last, at)
	}
}

func testMatchAny(t *testing.T, s stock) {
	for _, text := range []string{"velvet cushion", "cushion velvet"} {
		q := search.Query{Text: text, Match: search.MatchAny, Language: "en", Limit: 10}
		wantSet(t, s, q, "velvet-turquoise-cushion", "velvet-turquoise", "velvet", "cushion")
		wantOrder(t, slugs(ask(t, s, q)), "velvet-turquoise-cushion", "velvet-turquoise")
		wantOrder(t, slugs(ask(t, s, q)), "velvet-turquoise-cushion", "cushion")
	}
	for _, text := range []string{"lantern xyzzyplugh", "xyzzyplugh lantern"} {
		wantSet(t, s, search.Query{Text: text, Match: search.MatchAny, Language: "en"}, "lantern")
	}
}

// wantSet fails unless the query finds exactly these documents, in any order.
func wantSet(t *testing.T, engine search.Engine, q search.Query, want ...string) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = search.MaxLimit
	}
	result := ask(t, engine, q)
	found := slices.Sorted(slices.Values(slugs(result)))
	slices.Sort(want)
	if !slices.Equal(found, want) || result.Total != len(want) {
		t.Errorf("Search(%q %+v) finds %v of %d, want %v", q.Text, q.Filter, found, result.Total, want)
	}
}

// testRest: an engine that tells the rest of a page tells what the next query would find.
func testRest(t *testing.T, s stock) {
	for _, text := range []string{"velvet cushion", "velvet turquoise cushion", "scarlet falcon garland", "stoneware lantern"} {
		q := search.Query{Text: text, Language: "en", Limit: 5, Rest: true}
		all := ask(t, s, q)
		if all.Rest == nil {
			t.Skip("the engine does not tell it")
		}
		other := search.Query{Text: text, Match: search.MatchAny, Language: "en", Limit: q.Limit - len(all.Hits)}
		for _, hit := range all.Hits {
			other.Filter.Exclude = append(other.Filter.Exclude, hit.Document.ID)
		}
		want := slugs(ask(t, s, other))
		if got := slugs(search.Result{Hits: all.Rest}); !slices.Equal(got, want) {
			t.Errorf("Search(%q): the rest is %v, want %v", text, got, want)
		}
		q.Rest = false
		if without := ask(t, s, q); without.Rest != nil {
			t.Errorf("Search(%q): a rest that was not asked for: %v", text, slugs(search.Result{Hits: without.Rest}))
		}
	}
}

func testBothWords(t *testing.T, s stock) {
	wantSlugs(t, s, search.Query{Text: "turquoise cushion", Language: "en"}, "velvet-turquoise-cushion")
	wantSlugs(t, s, search.Query{Text: "lantern xyzzyplugh", Language: "en"})
	wantSlugs(t, s, search.Query{Text: "lumen garden", Language: "en"}, "lantern") // a word from each of two fields
}

func testPopular(t *testing.T, s stock) {
	wantSlugs(t, s, search.Query{Text: "pewter whistle", Language: "en"}, "whistle-popular", "whistle-unknown")
}

func testCaseAndOrder(t *testing.T, s stock) {
	for _, text := range []string{"garden lantern", "GARDEN LANTERN", "lantern garden", "  Lantern,  Garden. "} {
		wantSlugs(t, s, search.Query{Text: text, Language: "en"}, "lantern")
	}
}

func testPhrase(t *testing.T, s stock) {
	wantSet(t, s, search.Query{Text: "falcon scarlet", Language: "en"}, "scarlet-falcon", "falcon-scarlet")
	wantSlugs(t, s, search.Query{Text: `"scarlet falcon"`, Language: "en"}, "scarlet-falcon")
	wantSlugs(t, s, search.Query{Text: `"falcon scarlet"`, Language: "en"})
	wantSlugs(t, s, search.Query{Text: `garland "scarlet falcon"`, Language: "en"}, "scarlet-falcon")
	wantSlugs(t, s, search.Query{Text: `"scarlet falcom"`, Language: "en"}) // what is in quotes is meant
}

func testPhraseMustMatch(t *testing.T, s stock) {
	q := search.Query{Text: `"scarlet falcon" glass`, Match: search.MatchAny, Language: "en"}
	wantSlugs(t, s, q, "scarlet-falcon")
	wantSlugs(t, s, search.Query{Text: `xyzzyplugh "scarlet falcon"`, Match: search.MatchAny, Language: "en"}, "scarlet-falcon")
}

func testPrefix(t *testing.T, s stock) {
	tests := []struct {
		text         string
		prefix, want bool
	}{
		{"lant", true, true}, {"lant", false, false}, {"lan", true, true}, {"lan", false, false},
		{"garden lant", true, true}, {"garden lant", false, false},
		{"lant garden", true, false}, // only the last word is being typed
		{"lantern", true, true}, {"lantern", false, true},
	}
	for _, tt := range tests {
		found := slugs(ask(t, s, search.Query{Text: tt.text, Prefix: tt.prefix, Language: "en", Limit: 10}))
		if got := slices.Contains(found, "lantern"); got != tt.want {
			t.Errorf("Search(%q, prefix %t) finds %v; the lantern is there: %t, want %t", tt.text, tt.prefix, found, got, tt.want)
		}
	}
}

func testNoText(t *testing.T, s stock) {
	for _, text := range []string{"", "   ", "\t\n"} {
		want := inOrder(s.documents, "", search.SortRelevance)
		result := ask(t, s, search.Query{Text: text, Limit: search.MaxLimit})
		if got := slugs(result); !slices.Equal(got, slugsOf(want)) || result.Total != len(want) {
			t.Errorf("Search(%q) finds %v of %d, want all, the popular first: %v", text, got, result.Total, slugsOf(want))
		}
	}
}

func slugsOf(documents []search.Document) []string {
	var all []string
	for _, d := range documents {
		all = append(all, d.Slug)
	}
	return all
}

func testManyWords(t *testing.T, s stock) {
	ten := "abacus bramble cobalt dahlia ember flint gravel hazel indigo jasper"
	for _, text := range []string{ten, ten + " xyzzyplugh xyzzyfrob xyzzyquux xyzzybaz", ten + strings.Repeat(" x", 60)} {
		found := slugs(ask(t, s, search.Query{Text: text, Language: "en", Limit: 10}))
		if len(found) == 0 || found[0] != "long" {
			t.Errorf("Search(%q) finds %v first, want the document with its first ten words", text, found)
		}
	}
}

// testSigns searches for characters that are syntax elsewhere. They find what the words find, and never cause an error.
func testSigns(t *testing.T, s stock) {
	for _, text := range []string{
		"lantern -garden", "-lantern", "+lantern", "lantern*", "(lantern", "lantern)", "lantern~2", "lantern^9", "title:lantern -",
		"lantern -\"garden\"",
		"lantern && garden", "lantern!", "/lantern/", `\lantern`, `lantern"`, `"lantern`, `"" lantern`, "lantern \x00", "{lantern}",
		"[garden lantern]", "<b>lantern</b",
	} {
		found := slugs(ask(t, s, search.Query{Text: text, Match: search.MatchAny, Language: "en", Limit: 10}))
		if !slices.Contains(found, "lantern") {
			t.Errorf("Search(%q) finds %v, want the lantern too", text, found)
		}
	}
	for _, text := range []string{
		`"`, `""`, `"""`, `\`, "*", "?", "-", "--", "+ - ! ( ) { } [ ] ^ ~ * ? : / \\", "🎁", "\x00", "\xff\xfe", "שלום", "'; DROP TABLE",
		"{{.}}", strings.Repeat("a", search.MaxTextBytes),
		strings.Repeat("é", search.MaxTextBytes/2), strings.Repeat(`"a" `, 50), strings.Repeat("ab ", 66),
	} {
		for _, prefix := range []bool{false, true} {
			ask(t, s, search.Query{Text: text, Prefix: prefix, Language: "xx", Facets: search.AllFacets, Market: "eu", Limit: 3, Highlight: true})
		}
	}
}

func testCards(t *testing.T, s stock) {
	for _, want := range s.documents {
		result := ask(t, s, search.Query{Filter: search.Filter{IDs: ids(want)}, Limit: 1})
		if len(result.Hits) != 1 {
			t.Errorf("%s is not found by its id", want.Slug)
			continue
		}
		got := result.Hits[0].Document
		got.ListedAt = got.ListedAt.UTC()
		if diff := diffCards(want.Card(), got); diff != "" {
			t.Errorf("the card of %s (-want +got):\n%s", want.Slug, diff)
		}
	}
}

func testHighlights(t *testing.T, s stock) {
	tests := []struct {
		text   string
		prefix bool
		slug   string
		want   map[string]string // by field, what is highlighted is in brackets
	}{
		{"lantern", false, "lantern", map[string]string{"title": "Garden [lantern]"}},
		{"garden lumen", false, "lantern", map[string]string{"title": "[Garden] lantern", "brand": "[Lumen] & Söhne"}},
		{"best chocolate", false, "chocolate", map[string]string{"title": "[Chocolate] bar", "brand": `O'Neill "[Best]"`}},
		{"creme", false, "creme", map[string]string{"title": "[Crème] brûlée torch"}},
		{"heron", false, "heron-description", map[string]string{}},
		{"lant", true, "lantern", map[string]string{"title": "Garden [lantern]"}}, // whole words, for completions
	}
	for _, tt := range tests {
		q := search.Query{Text: tt.text, Prefix: tt.prefix, Language: "en", Limit: 10, Highlight: true}
		for _, hit := range ask(t, s, q).Hits {
			if hit.Document.Slug == tt.slug {
				wantHighlights(t, tt.text, hit, tt.want)
			}
		}
	}
	for _, hit := range ask(t, s, search.Query{Text: "lant", Prefix: true, Language: "en", Limit: 10, Highlight: true}).Hits {
		checkHighlights(t, hit)
	}
}

func wantHighlights(t *testing.T, text string, hit search.Hit, want map[string]string) {
	t.Helper()
	checkHighlights(t, hit)
	for _, field := range []string{"title", "brand"} {
		var got strings.Builder
		for _, fragment := range hit.Highlights[field] {
			if fragment.Match {
				got.WriteString("[" + fragment.Text + "]")
			} else {
				got.WriteString(fragment.Text)
			}
		}
		if got.String() != want[field] {
			t.Errorf("Search(%q): the %s of %s is highlighted as %q, want %q", text, field, hit.Document.Slug, got.String(), want[field])
		}
	}
}

// checkHighlights checks that the fragments form the field, and that one of them matches.
func checkHighlights(t *testing.T, hit search.Hit) {
	t.Helper()
	whole := map[string]string{"title": hit.Document.Title, "brand": hit.Document.Brand}
	for field, fragments := range hit.Highlights {
		var text strings.Builder
		matches := 0
		for _, fragment := range fragments {
			text.WriteString(fragment.Text)
			if fragment.Match {
				matches++
			}
			if fragment.Text == "" {
				t.Errorf("the %s of %s has an empty fragment", field, hit.Document.Slug)
			}
		}
		if want, known := whole[field]; !known || text.String() != want || matches == 0 {
			t.Errorf("the %s of %s is highlighted as %+v, want the parts of %q", field, hit.Document.Slug, fragments, want)
		}
	}
}
