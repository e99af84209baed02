package meilisearch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

func TestTyped(t *testing.T) {
	words := language.NewDictionaries(search.Words{
		"en": {Stop: []string{"the", "of"}, Synonyms: [][]string{{"cup of tea", "brew"}}},
		"de": {Stop: []string{"für"}, Means: map[string][]string{"tasse": {"mug"}, "kaffee": {"coffee"}, "thé": {"tea"}, "rote bete": {"beet"}}},
	}).Of("en", "de")
	tests := []struct {
		text   string
		prefix bool
		want   string
		least  int // of the words
	}{
		{text: "", want: ""},
		{text: "  \t ", want: ""},
		{text: "lantern", want: "lantern ", least: 1},
		{text: "lantern", prefix: true, want: "lantern", least: 1},
		{text: "The lantern of the garden", want: "lantern garden ", least: 2},
		{text: "lantern of", prefix: true, want: "lantern ", least: 1}, // what is being typed was left out
		{text: "of the", want: "of the ", least: 2},
		{text: "of the", prefix: true, want: "of the", least: 2},
		{text: "a b c", want: "a b c ", least: 2},
		{text: "a b c d", want: "a b c d ", least: 3},
		{text: `"the king" of spain`, want: `"the king" spain `, least: 3},
		{text: `a b c "d e"`, prefix: true, want: `a b c "d e" `, least: 4},
		{text: `"open phrase`, want: "open phrase ", least: 2},
		{text: `"" "`, want: ""},
		{text: "-not --this - that", want: "not this that ", least: 2},
		{text: "t-shirt l'eau", want: "t-shirt l'eau ", least: 4},
		{text: "(WHT-2210-K) 978-3-16-148410-0 v1.5 3,50", want: "wht2210k 9783161484100 v1.5 3,50 ", least: 4},
		{text: "iPhone 12Pro", want: "iPhone 12pro ", least: 2},
		{text: "one two three four five six seven eight nine ten eleven", want: "one two three four five six seven eight nine ten ", least: 7},
		{text: "cup of tea", want: "cup tea ", least: 2}, // English words are sent as they are
		{text: "Tassen für Kaffee", want: "xdetasse xdekaffee ", least: 2},
		{text: "Kaffeetasse", want: "xdekaffee xdetasse ", least: 2},
		{text: "rote Bete", want: "xderotebete ", least: 1},
		{text: "thé", want: "xdethé ", least: 1},
		{text: "tass", prefix: true, want: "tass", least: 1},
		{text: "伊万里 ☕ é\u0301", want: "伊万里 ☕ é\u0301 ", least: 2},
	}
	for _, tt := range tests {
		got := newTyped(search.Query{Text: tt.text, Prefix: tt.prefix}, words)
		if got.String() != tt.want || got.least() != tt.least {
			t.Errorf("%q is sent as %q, of whose words %d must be there; want %q and %d", tt.text, got.String(), got.least(), tt.want, tt.least)
		}
	}
}

func TestRotations(t *testing.T) {
	tests := []struct {
		text   string
		prefix bool
		want   []string
	}{
		{"", false, nil},
		{"a", true, []string{"a"}},
		{"a b c", false, []string{"a b c ", "b c a ", "c a b "}},
		{"a b", true, []string{"a b", "b a ", "b"}},
		{`a "p q" b`, true, []string{`a "p q" b`, `b a "p q" `, `"p q" b`}},
		{"t-shirt", false, []string{"t shirt ", "shirt t "}},
	}
	for _, tt := range tests {
		var got []string
		for _, r := range newTyped(search.Query{Text: tt.text, Prefix: tt.prefix}, nil).rotations() {
			got = append(got, r.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("rotations of %q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestTypedHasNoOperators holds for any text: no word begins with a minus, quotes are closed, and the bound holds.
func TestTypedHasNoOperators(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune(`ab1é -"'.,/\*☕`+"\n\x00"))).Draw(t, "text")
		sent := newTyped(search.Query{Text: text}, nil)
		for _, field := range strings.FieldsFunc(sent.String(), func(r rune) bool { return r == ' ' || r == '"' }) {
			if strings.HasPrefix(field, "-") {
				t.Errorf("%q is sent as %q", text, sent.String())
			}
		}
		if strings.Count(sent.String(), `"`)%2 != 0 || sent.words() > search.MaxTerms || sent.least() > sent.words() {
			t.Errorf("%q is sent as %q: %d words, of which %d must be there", text, sent.String(), sent.words(), sent.least())
		}
	})
}
