package searchtest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"meridian/internal/search"
)

// synonymTests test the shipped words.
var synonymTests = []test[search.Store]{
	{"synonyms find each other in every language", testSynonyms},
	{"forms of known words are known", testForms},
}

// testForms searches for plurals, inflected words, compounds and mistyped words of which only a synonym is there.
func testForms(t *testing.T, store search.Store) {
	s := filled(t, store, []search.Document{
		item{slug: "napkin", title: "Paper napkin"}.document(1),
		item{slug: "mug", title: "Red coffee mug"}.document(2),
		item{slug: "gift", title: "Gift box"}.document(3),
	})
	for _, test := range []struct{ language, text, want string }{
		{"en", "serviettes", "napkin"}, {"en", "serviete", "napkin"},
		{"de", "rote Tassen", "mug"}, {"de", "Kaffeetasse", "mug"}, {"fr", "tasses rouges", "mug"}, {"fr", "cadeaux", "gift"},
	} {
		wantSlugs(t, s, search.Query{Text: test.text, Language: test.language}, test.want)
	}
	q := search.Query{Text: "rote serviette", Language: "en", OtherLanguages: []string{"de"}, Match: search.MatchAny, Limit: 10}
	if found := slugs(ask(t, s, q)); !slices.Contains(found, "mug") || !slices.Contains(found, "napkin") {
		t.Errorf("a text in two languages finds %v", found)
	}
}

// synonymsOf is the number of groups tested per language.
const synonymsOf = 5

// testSynonyms searches for the shipped words. It writes a store of its own, with documents of one word each.
func testSynonyms(t *testing.T, store search.Store) {
	var pairs []wordPair
	for _, language := range slices.Sorted(maps.Keys(search.ShippedWords())) {
		words := search.ShippedWords()[language]
		for _, group := range words.Synonyms[:min(synonymsOf, len(words.Synonyms))] {
			pairs = append(pairs, wordPair{language, group[0], group[1]}, wordPair{language, group[1], group[0]})
		}
		for i, word := range slices.Sorted(maps.Keys(words.OneWay)) {
			if i < synonymsOf {
				pairs = append(pairs, wordPair{language, word, words.OneWay[word][0]})
			}
		}
	}
	if len(pairs) == 0 {
		t.Fatal("no synonyms are shipped")
	}
	index := make(map[string]int) // the number of the document of each word
	var documents []search.Document
	for _, pair := range pairs {
		if _, known := index[pair.found]; !known {
			index[pair.found] = len(documents)
			documents = append(documents, item{slug: strings.ReplaceAll(pair.found, " ", "-"), title: pair.found}.document(len(documents)+1))
		}
	}
	s := filled(t, store, documents)
	for _, pair := range pairs {
		want := documents[index[pair.found]]
		q := search.Query{Text: pair.typed, Language: pair.language, Limit: 20}
		if found := slugs(ask(t, s, q)); !slices.Contains(found, want.Slug) {
			t.Errorf("Search(%q in %s) finds %v, want what is called %q too", pair.typed, cmp.Or(pair.language, "?"), found, pair.found)
		}
	}
}

// A wordPair says that a typed word finds another.
type wordPair struct{ language, typed, found string }
