package language

import (
	"slices"
	"strings"
	"testing"

	"meridian/internal/search"
)

var known = NewDictionaries(search.Words{
	"en": {Stop: []string{"the", "of"}, Synonyms: [][]string{{"napkin", "serviette"}, {"fairy lights", "string lights"}},
		OneWay: map[string][]string{"fruit": {"apple"}}},
	"de": {Stop: []string{"für", "die"}, Means: map[string][]string{"rot": {"red"}, "tasse": {"mug", "cup"}, "kaffee": {"coffee"},
		"geburtstag": {"birthday"}, "karte": {"card"}, "weihnachten": {"christmas"}, "glas": {"glass"}, "küche": {"kitchen"},
		"uhr": {"clock"}, "kuchen": {"cake"},
		"dunkel": {"dark"}, "kind": {"children"}, "tür": {"door"}, "schlüssel": {"key"}, "baum": {"tree"}, "schmuck": {"decoration"}}},
	"fr": {Stop: []string{"à", "de", "mais"}, Means: map[string][]string{"thé": {"tea"}, "blanc": {"white"}, "vert": {"green"},
		"cadeau": {"gift"}, "machine à laver": {"washer"}, "maïs": {"corn"}}},
})

// synonyms are those of a text's words together, and of each word.
func synonymsOf(v Vocabulary, text string) string {
	var all []string
	for _, t := range v.Apart(Tokenize(text)) {
		for _, s := range v.Synonyms([]Token{t}) {
			all = append(all, s.Text)
		}
	}
	for _, s := range v.Synonyms(Tokenize(text)) {
		if !slices.Contains(all, s.Text) {
			all = append(all, s.Text)
		}
	}
	return strings.Join(all, " ")
}

func TestVocabulary_Synonyms(t *testing.T) {
	for _, test := range []struct{ languages, text, want string }{
		{"en", "serviettes", "napkin"},
		{"en", "fairy light", "string lights"},
		{"en", "rote", ""},
		{"de", "rote Tasse", "red mug cup"},
		{"de", "roter", "red"}, {"de", "rotes", "red"}, {"de", "roten", "red"}, {"de", "rotem", "red"},
		{"de", "Tassen", "mug cup"}, {"de", "Gläser", "glass"}, {"de", "dunkle", "dark"}, {"de", "Bäume", "tree"},
		{"de", "Kaffeetasse", "coffee mug cup"}, {"de", "Kaffeetassen", "coffee mug cup"},
		{"de", "Geburtstagskarte", "birthday card"}, {"de", "Weihnachtskarten", "christmas card"},
		{"de", "Küchenuhr", "kitchen clock"}, {"de", "Kuchenuhr", "cake clock"}, {"de", "Kindertasse", "children mug cup"},
		{"de", "Weihnachtsbaumschmuck", "christmas tree decoration"},
		{"de", "Tuer", "door"}, {"de", "Schluessel", "key"},
		{"de", "Teppich", ""}, {"de", "iPhone8", ""},
		{"fr", "blanche", "white"}, {"fr", "vertes", "green"}, {"fr", "cadeaux", "gift"}, {"fr", "thé", "tea"},
		{"fr", "the", "tea"}, {"fr", "machines à laver", "washer"}, {"fr", "maïs", "corn"},
		{"en", "thé", ""}, {"en de", "rote serviette", "red napkin"}, {"", "tasse", ""},
	} {
		if got := synonymsOf(known.Of(strings.Fields(test.languages)...), test.text); got != test.want {
			t.Errorf("in %s %q means %q, want %q", test.languages, test.text, got, test.want)
		}
	}
}

// TestVocabulary_Stops: a word with an accent is none of the stop words without it, in any language.
func TestVocabulary_Stops(t *testing.T) {
	for _, test := range []struct {
		languages, word string
		want            bool
	}{
		{"en", "the", true}, {"en", "The", true}, {"en", "thé", false}, {"fr", "thé", false}, {"fr", "the", false},
		{"fr en", "the", false}, // thé, typed without its accent
		{"en fr", "the", true}, {"fr", "à", true}, {"fr", "mais", true}, {"fr", "maïs", false}, {"de", "für", true}, {"de", "fur", true},
		{"en", "für", false}, {"", "the", false},
	} {
		if got := known.Of(strings.Fields(test.languages)...).Stops(Tokenize(test.word)[0]); got != test.want {
			t.Errorf("in %s %q is a stop word: %t, want %t", test.languages, test.word, got, test.want)
		}
	}
}

// TestTokenize_Accents: what is a stop word without its accents keeps them, so that thé does not find the.
func TestTokenize_Accents(t *testing.T) {
	for text, want := range map[string]string{"Thé vert": "thé vert", "THÉ": "thé", "the": "the", "café": "cafe", "the\u0301": "thé"} {
		var words []string
		for _, token := range Tokenize(text) {
			words = append(words, token.Text)
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("Tokenize(%q) is %q, want %q", text, got, want)
		}
	}
}
