package bleve

import (
	"strings"

	"meridian/internal/search"
)

// synonyms are the prepared words of one language. A nil *synonyms has none.
type synonyms struct {
	groups map[string][]alternative // by the stems of one to three words, separated by spaces
	words  []string                 // the keys of one word
	stop   map[string]bool
}

// newSynonyms prepares the words of every language.
func newSynonyms(words search.Words) map[string]*synonyms {
	all := make(map[string]*synonyms, len(words))
	for language, w := range words {
		s := &synonyms{groups: make(map[string][]alternative), stop: make(map[string]bool)}
		for _, group := range w.Synonyms {
			for i, from := range group {
				s.add(from, group[:i])
				s.add(from, group[i+1:])
			}
		}
		for from, to := range w.OneWay {
			s.add(from, to)
		}
		for _, word := range w.Stop {
			for _, t := range tokenize(word) {
				s.stop[t.text] = true
			}
		}
		all[language] = s
	}
	return all
}

func (s *synonyms) add(from string, to []string) {
	key := stems(tokenize(from))
	if s.groups[key] == nil && !strings.Contains(key, " ") {
		s.words = append(s.words, key)
	}
	for _, word := range to {
		a := alternative{field: fieldPairs, weight: weightSynonym, synonym: true}
		switch tokens := tokenize(word); len(tokens) {
		case 1:
			a.field, a.term = fieldWords, tokens[0].stem
		case 2:
			a.term = joined(tokens)
		case 3:
			a.term, a.also = joined(tokens[:2]), joined(tokens[1:])
		default:
			continue
		}
		s.groups[key] = append(s.groups[key], a)
	}
}

func stems(tokens []token) string {
	all := make([]string, len(tokens))
	for i, t := range tokens {
		all[i] = t.stem
	}
	return strings.Join(all, " ")
}

// of returns the synonyms of a sequence of words.
func (s *synonyms) of(tokens []token) []alternative {
	if s == nil {
		return nil
	}
	return s.groups[stems(tokens)]
}

// oneWords returns the stems of single words that have synonyms.
func (s *synonyms) oneWords() []string {
	if s == nil {
		return nil
	}
	return s.words
}

// stops reports whether a word is a stop word.
func (s *synonyms) stops(word string) bool { return s != nil && s.stop[word] }
