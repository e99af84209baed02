package language

import "strings"

// inflections are how words of a language change.
type inflections struct {
	// endings are taken off a word, and one of the others put on, to find the word that it is a form of. Those that come
	// first are tried first.
	endings []ending
	// compounds is true if words are joined to new ones without a space. links are the endings between the parts, dropped
	// are endings of a word that are missing before the next.
	compounds      bool
	links, dropped []string
	// digraphs are letters that stand for one with an accent.
	digraphs *strings.Replacer
}

// An ending is replaced by others, by none if there are none.
type ending struct {
	old string
	new []string
}

var inflectionsOf = map[string]inflections{
	"de": {
		// rote, roten, roter, rotes, rotem; tassen; gläser; plurals of accents are folded; dunkle is dunkel
		endings: []ending{{"ern", nil}, {"en", []string{"", "e"}}, {"em", nil}, {"er", []string{"", "e"}}, {"es", []string{"", "e"}},
			{"n", nil}, {"s", nil}, {"le", []string{"el"}}, {"re", []string{"er"}}, {"e", nil}},
		compounds: true, links: []string{"s", "es", "n", "en", "ens"}, dropped: []string{"e", "en"},
		digraphs: strings.NewReplacer("ae", "a", "oe", "o", "ue", "u"),
	},
	"nl": {
		endings:   []ending{{"jes", nil}, {"je", nil}, {"en", []string{"", "e"}}, {"s", nil}, {"e", nil}},
		compounds: true, links: []string{"s", "en", "n", "e"}, dropped: []string{"e", "en"},
	},
	"fr": {
		endings: []ending{{"ches", []string{"c", "che"}}, {"che", []string{"c"}}, {"aux", []string{"al", "ail", "au"}}, {"x", nil},
			{"euses", []string{"eux", "eur"}}, {"euse", []string{"eux", "eur"}}, {"ives", []string{"if"}}, {"ive", []string{"if"}},
			{"iennes", []string{"ien"}}, {"ienne", []string{"ien"}}, {"elles", []string{"el", "elle"}}, {"elle", []string{"el"}},
			{"ettes", []string{"et", "ette"}}, {"ette", []string{"et"}}, {"es", []string{"", "e"}}, {"s", nil}, {"e", nil}},
	},
	"es": {endings: []ending{{"ces", []string{"z"}}, {"es", []string{"", "e"}}, {"as", []string{"a", "o"}}, {"s", nil}, {"a", []string{"o"}}}},
	"it": {endings: []ending{{"che", []string{"ca"}}, {"chi", []string{"co"}}, {"i", []string{"o", "e", "a"}}, {"e", []string{"a", "o"}},
		{"a", []string{"o"}}}},
}

// leastStem is the number of bytes that must be left of a word without its ending.
const leastStem = 3

// forms returns the words that a word may be a form of.
func (in inflections) forms(word string) []string {
	all := in.without(word)
	if in.digraphs != nil {
		if plain := in.digraphs.Replace(word); plain != word {
			all = append(append(all, plain), in.without(plain)...)
		}
	}
	return all
}

func (in inflections) without(word string) []string {
	var all []string
	for _, e := range in.endings {
		rest, ok := strings.CutSuffix(word, e.old)
		if !ok || len(rest) < leastStem {
			continue
		}
		if e.new == nil {
			all = append(all, rest)
		}
		for _, other := range e.new {
			all = append(all, rest+other)
		}
	}
	return all
}
