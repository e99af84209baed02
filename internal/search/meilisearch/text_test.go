package meilisearch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/search"
	"meridian/internal/search/concept"
	"meridian/internal/search/language"
	"meridian/internal/testkit"
)

// typedOf is what is sent for a text while nothing is known of the documents.
func typedOf(text string, prefix bool, words language.Vocabulary) typed {
	q := search.Query{Text: text, Prefix: prefix}
	return newTyped(concept.NewPlan(q, words), new(concept.Lexicon), words, prefix)
}

func TestTyped(t *testing.T) {
	words := language.NewDictionaries(search.Words{
		"en": {Stop: []string{"the", "of"}, Synonyms: [][]string{{"cup of tea", "brew"}}},
		"de": {Stop: []string{"für"}, Means: map[string][]string{"tasse": {"mug"}, "kaffee": {"coffee"}, "thé": {"tea"},
			"rote bete": {"beet"}}},
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
		{text: "lantern of", prefix: true, want: "lantern of", least: 2}, // office
		{text: "of the", want: "of the ", least: 2},
		{text: "of the", prefix: true, want: "the", least: 1},
		{text: "a b c", want: "a b c ", least: 2},
		{text: "a b c d", want: "a b c d ", least: 3},
		{text: `"the king" of spain`, want: `"the king" spain `, least: 3},
		{text: `a b c "d e"`, prefix: true, want: `a b c "d e" `, least: 4},
		{text: `"open phrase`, want: "open phrase ", least: 2},
		{text: `"" "`, want: ""},
		{text: "-not --this - that", want: "not this that ", least: 2},
		{text: "t-shirt l'eau", want: "t shirt eau ", least: 2},
		{text: "(WHT-2210-K) 978-3-16-148410-0 v1.5 3,50", want: "wht2210k 9783161484100 v1dot5 3dot50 ", least: 3},
		{text: "iPhone 12Pro", want: "iphone 12pro ", least: 2},
		{text: "one two three four five six seven eight nine ten eleven", want: "one two three four five six seven eight nine ten ", least: 7},
		{text: "cup of tea", want: "cup tea ", least: 2}, // English words are sent as they are
		{text: "Tassen für Kaffee", want: "xdetasse xdekaffee ", least: 2},
		{text: "Kaffeetasse", want: "xdekaffee xdetasse ", least: 2},
		{text: "rote Bete", want: "xderotebete ", least: 1},
		{text: "thé", want: "xdethé ", least: 1},
		{text: "tass", prefix: true, want: "tass", least: 1},
		{text: "伊万里 ☕ Lanterns", want: "伊 万 里 lantern ", least: 3},
	}
	for _, tt := range tests {
		got := typedOf(tt.text, tt.prefix, words)
		if got.String() != tt.want || got.least() != tt.least {
			t.Errorf("%q is sent as %q, of whose words %d must be there; want %q and %d", tt.text, got.String(), got.least(), tt.want, tt.least)
		}
	}
}

// TestTyped_Known: what documents have decides how words are sent.
func TestTyped_Known(t *testing.T) {
	var known concept.Lexicon
	known.Completed()
	known.Learn([]search.Document{
		{ID: uuid.UUID{1}, Version: 1, Title: "Doormat hearts", Codes: []string{"BLUE-MAT-77-X"}},
		{ID: uuid.UUID{2}, Version: 1, Title: "Hand soap"},
		{ID: uuid.UUID{3}, Version: 1, Title: "Pack of 12 IKS 1620"}, {ID: uuid.UUID{4}, Version: 1, Title: "Kartoffelsalat"},
		{ID: uuid.UUID{5}, Version: 1, Title: "Printed box", Description: "Hand painted", Codes: []string{"TOY-A-12", "BOX", "ONE-2-3-4-5-6"}},
	})
	words := language.NewDictionaries(search.Words{"de": {Means: map[string][]string{"kartoffel": {"potato"}, "salat": {"salad"},
		"tasse": {"mug"}}}, "en": {Stop: []string{"a", "in"}}}).Of("de", "en")
	for text, want := range map[string]string{
		"toy-a-12": "toya12 ", "3-in-1 soap": "3 1 soap ", "one-2-3-4-5-6": "one23456 ", "box": "box ", "painted": "painted ",
		"painetd": "painetd ", `box "printed box"`: `box "printed box" `, `a "printed box"`: `"printed box" `,
		"door mat": "doormat ", "hand soap": "hand soap ", "hearts dormat": "heart doormat ", "blue-mat-77-x": "bluemat77x ",
		"iks-1620": "iks 1620 ", "iks-1621": "iks1621 ", "soap-1621": "soap 1621 ", "kartoffelsalat": "kartoffelsalat ",
		"salattasse": "xdesalat xdetasse ", "tase": "xdetasse ", "tassse": "xdetasse ", "kartoffel": "xdekartoffel ",
	} {
		q := search.Query{Text: text}
		p := concept.NewPlan(q, words)
		testkit.NoError(t, p.Expand(&known, words, false))
		if got := newTyped(p, &known, words, false).String(); got != want {
			t.Errorf("%q is sent as %q, want %q", text, got, want)
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
		for _, r := range typedOf(tt.text, tt.prefix, nil).rotations() {
			got = append(got, r.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("rotations of %q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestTyped_Prefix: a word that is being typed is sent as the beginning of what it may become.
func TestTyped_Prefix(t *testing.T) {
	var known concept.Lexicon
	known.Completed()
	known.Learn([]search.Document{{ID: uuid.UUID{1}, Version: 1, Title: "Plastic boxes, IKS 1620"},
		{ID: uuid.UUID{2}, Version: 1, Title: "Door mat"}})
	words := language.NewDictionaries(search.Words{"de": {Means: map[string][]string{"tasse": {"mug"}, "kaffee": {"coffee"}}}}).Of("de")
	for text, want := range map[string]string{
		"plas": "plas", "boxe": "box", "boxes": "box", "tasse": "xdetasse", "kaffeetasse": "xdekaffee xdetasse", "iks-162": "iks 162",
		"door ma": "door ma", `"door mat"`: `"door mat" `,
	} {
		p := concept.NewPlan(search.Query{Text: text, Prefix: true}, words)
		testkit.NoError(t, p.Expand(&known, words, true))
		if got := newTyped(p, &known, words, true).String(); got != want {
			t.Errorf("%q is sent as %q, want %q", text, got, want)
		}
	}
}

// TestTyped_Any holds for any text: phrases are closed, and the bounds hold.
func TestTyped_Any(t *testing.T) {
	var known concept.Lexicon
	known.Completed()
	known.Learn([]search.Document{{ID: uuid.UUID{1}, Version: 1, Title: "ab1 aab b1 éa", Codes: []string{"a-b-1", "ab"}}})
	words := language.NewDictionaries(search.Words{"de": {Stop: []string{"a"}, Means: map[string][]string{"b": {"ab"}}}}).Of("de")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune(`ab1é -"'.,/\*☕日`+"\n\x00"))).Draw(t, "text")
		prefix := rapid.Bool().Draw(t, "prefix")
		p := concept.NewPlan(search.Query{Text: text, Prefix: prefix}, words)
		if err := p.Expand(&known, words, prefix); err != nil {
			t.Fatal(err)
		}
		sent := newTyped(p, &known, words, prefix)
		if strings.Count(sent.String(), `"`)%2 != 0 || sent.words() > search.MaxTerms || sent.least() > sent.words() ||
			strings.ContainsAny(sent.String(), "-.,/\\*\n\x00") {
			t.Errorf("%q is sent as %q: %d words, of which %d must be there", text, sent.String(), sent.words(), sent.least())
		}
	})
}
