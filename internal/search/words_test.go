package search

import (
	"slices"
	"strings"
	"testing"
)

func TestShippedWords(t *testing.T) {
	words := ShippedWords()
	for _, language := range []string{"en", "de", "fr", "es", "it", "nl"} {
		if len(words[language].Synonyms) < 30 || len(words[language].Stop) < 20 {
			t.Errorf("%s has %d groups of synonyms and %d stop words", language, len(words[language].Synonyms), len(words[language].Stop))
		}
	}
	for language, w := range words {
		t.Run(language, func(t *testing.T) { checkWords(t, w) })
	}
}

// checkWords finds what an engine would stumble over: nothing may be there twice, in capitals, or too long to match.
func checkWords(t *testing.T, w LanguageWords) {
	for i, word := range w.Stop {
		checkWord(t, word)
		if strings.Contains(word, " ") || slices.Contains(w.Stop[:i], word) {
			t.Errorf("stop word %q is not one word or is there twice", word)
		}
	}
	for i, group := range w.Synonyms {
		if len(group) < 2 {
			t.Errorf("the group %q is no group", group)
		}
		for j, word := range group {
			checkWord(t, word)
			if slices.Contains(group[:j], word) || slices.Contains(w.Stop, word) {
				t.Errorf("%q is twice in group %d, or a stop word", word, i)
			}
			if k := slices.IndexFunc(w.Synonyms[:i], func(g []string) bool { return slices.Contains(g, word) }); k >= 0 {
				t.Errorf("%q is in the groups %q and %q: make it one", word, w.Synonyms[k], group)
			}
		}
	}
	for word, more := range w.OneWay {
		checkWord(t, word)
		for i, other := range more {
			checkWord(t, other)
			if other == word || slices.Contains(more[:i], other) {
				t.Errorf("%q finds %q twice", word, other)
			}
		}
	}
}

func checkWord(t *testing.T, word string) {
	switch {
	case word == "" || word != strings.TrimSpace(word) || strings.Contains(word, "  "):
		t.Errorf("%q has spaces too many", word)
	case word != strings.ToLower(word):
		t.Errorf("%q has capitals", word)
	case len(strings.Fields(word)) > 3:
		t.Errorf("%q has more than three words", word)
	}
}
