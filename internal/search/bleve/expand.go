package bleve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/blevesearch/vellum/levenshtein"

	"meridian/internal/search/language"
)

// The bounds of a word's expansion. The terms that most documents have are kept.
const (
	maxPrefixTerms = 64
	maxTypoTerms   = 32
	maxScanned     = 4000 // terms read from a segment's dictionary
)

// rareWord is the number of documents up to which a word may be a typing error, of a shopper or of a seller.
const rareWord = 4

// expand adds the alternatives that come from the index. With prefix, the last word may be incomplete.
func (l *lexicon) expand(p *plan, words language.Vocabulary, prefix bool) error {
	for i := range p.concepts {
		c, prefix := &p.concepts[i], prefix && i == len(p.concepts)-1
		if c.required {
			continue
		}
		if prefix {
			if err := l.prefix(c); err != nil {
				return err
			}
		}
		if err := l.models(c); err != nil {
			return err
		}
		documents, err := l.typedRight(c)
		if err != nil {
			return err
		}
		if documents > rareWord || words.Knows(c.word) {
			continue
		}
		meant, err := l.typos(c, words, documents > 0, prefix)
		if err != nil {
			return err
		}
		p.correct(i, meant, words)
	}
	return nil
}

// typedRight returns the approximate number of documents that have the word as typed, or split or joined.
func (l *lexicon) typedRight(c *concept) (int, error) {
	all := 0
	for _, a := range c.alternatives {
		if a.synonym {
			continue
		}
		_, documents, err := l.postings(a.field, a.term)
		if err != nil {
			return 0, err
		}
		all += documents
	}
	return all, nil
}

// prefix adds the terms that begin with the word.
func (l *lexicon) prefix(c *concept) error {
	from := []byte(c.word.Text)
	terms, err := l.scan(fieldWords, nil, from, after(from), maxScanned)
	if err != nil {
		return err
	}
	for _, f := range terms[:min(len(terms), maxPrefixTerms)] {
		c.add(alternative{field: fieldWords, term: f.term, weight: weightBegins})
	}
	return nil
}

// A typing error is a letter replaced, deleted or inserted, or two swapped. Words of five letters may have one, words of
// nine two. A shorter word or a number with a letter changed is another word.
const (
	lettersForOne = 5
	lettersForTwo = 9
	lettersOfPair = 7 // from here on a word may also be two words of a document
)

// The automata count two swapped letters as one error, which the library's own do not.
var oneTypo, twoTypos = mustBuild(1), mustBuild(2)

func mustBuild(edits uint8) *levenshtein.LevenshteinAutomatonBuilder {
	b, err := levenshtein.NewLevenshteinAutomatonBuilder(edits, true)
	if err != nil {
		panic(err) // depends on the constant only
	}
	return b
}

// mistakes returns the number of typing errors that a word may have. A model number may have one if no document has it
// as typed. A word of four letters may lack one of five.
func (c *concept) mistakes(known bool) int {
	switch letters := utf8.RuneCountInString(c.word.Text); {
	case letters < lettersForOne-1 || letters == lettersForOne-1 && known:
		return 0
	case c.word.Digits && (known || !model(c.word.Text) || letters == lettersForOne):
		return 0
	case letters < lettersForTwo || c.word.Digits:
		return 1
	}
	return 2
}

// A meaning is a word that may have been meant by another.
type meaning struct {
	word   string
	weight float32
}

// typos returns the words of the index and the synonyms that may have been meant by a word, likeliest first.
func (l *lexicon) typos(c *concept, words language.Vocabulary, known, prefix bool) ([]meaning, error) {
	mistakes := c.mistakes(known)
	if mistakes == 0 {
		return nil, nil
	}
	builder := oneTypo
	if mistakes == 2 {
		builder = twoTypos
	}
	near, err := builder.BuildDfa(strings.TrimSuffix(c.word.Stem, "s"), uint8(mistakes))
	if err != nil {
		return nil, fmt.Errorf("look for typing errors: %w", err)
	}
	var automaton segmentapi.Automaton = near
	if prefix && !known {
		automaton = begins{near}
	}
	terms, err := l.scan(fieldWords, automaton, nil, nil, maxScanned)
	if err != nil {
		return nil, err
	}
	if len(terms) == 0 && len(c.word.Text) >= lettersOfPair {
		if terms, err = l.scan(fieldPairs, automaton, nil, nil, maxScanned); err != nil {
			return nil, err
		}
	}
	for _, word := range words.Words() {
		if match, _ := near.MatchAndDistance(word); match {
			terms = append(terms, found{term: word})
		}
	}
	return c.meanings(terms, near), nil
}

// meanings returns the acceptable ones of the terms that an automaton found, with their weights, likeliest first.
func (c *concept) meanings(terms []found, near *levenshtein.DFA) []meaning {
	var all []meaning
	for _, f := range terms {
		letters := utf8.RuneCountInString(f.term)
		if strings.ContainsAny(f.term, digits) != c.word.Digits ||
			letters < lettersForOne && utf8.RuneCountInString(c.word.Text) < lettersForOne {
			continue
		}
		weight := float32(weightTwoTypos)
		if match, edits := near.MatchAndDistance(f.term); match && edits <= 1 && !c.word.Digits {
			weight = weightOneTypo
		}
		all = append(all, meaning{f.term, weight})
	}
	slices.SortStableFunc(all, func(a, b meaning) int { return cmp.Compare(b.weight, a.weight) })
	return all[:min(len(all), maxTypoTerms)]
}

// maxCorrections is the number of meanings that also form pairs and synonyms with neighbouring words.
const maxCorrections = 4

// correct adds the meanings of a concept as its alternatives, alone and together with its neighbours.
func (p *plan) correct(i int, meant []meaning, words language.Vocabulary) {
	for n, m := range meant {
		p.concepts[i].add(alternative{field: fieldWords, term: m.word, weight: m.weight})
		if n >= maxCorrections {
			continue
		}
		for _, span := range [][2]int{{i, i + 1}, {i - 1, i + 1}, {i, i + 2}} {
			if span[0] < 0 || span[1] > len(p.concepts) {
				continue
			}
			tokens := make([]language.Token, 0, 2)
			for j := span[0]; j < span[1]; j++ {
				tokens = append(tokens, p.concepts[j].word)
			}
			tokens[i-span[0]] = language.Token{Text: m.word, Stem: m.word, Digits: p.concepts[i].word.Digits}
			addSpan(p.concepts[span[0]:span[1]], tokens, words, m.weight)
		}
	}
}

// begins accepts every text with a prefix that another automaton accepts.
type begins struct{ segmentapi.Automaton }

// begun is the state in which begins accepts everything. No automaton of the library has it.
const begun = -1

func (b begins) Start() int                     { return b.state(b.Automaton.Start()) }
func (b begins) IsMatch(state int) bool         { return state == begun }
func (b begins) CanMatch(state int) bool        { return state == begun || b.Automaton.CanMatch(state) }
func (b begins) WillAlwaysMatch(state int) bool { return state == begun }

// Accept returns the state after one more byte.
func (b begins) Accept(state int, next byte) int {
	if state == begun {
		return begun
	}
	return b.state(b.Automaton.Accept(state, next))
}

func (b begins) state(inner int) int {
	if b.Automaton.IsMatch(inner) {
		return begun
	}
	return inner
}

// model reports whether a word is a model number: letters and digits.
func model(word string) bool {
	return len(word) >= modelLetters && strings.ContainsAny(word, digits) && strings.Trim(word, digits+".") != ""
}

// modelLetters is the least number of characters of a model number.
const (
	modelLetters = 5
	digits       = "0123456789"
)

// models adds the longer and shorter forms of a model number: KG36NVL3A also finds KG36NVL3AG and KG36NVL3.
func (l *lexicon) models(c *concept) error {
	name := c.word.Text
	if !model(name) {
		return nil
	}
	longer, err := l.scan(fieldWords, nil, []byte(name), after([]byte(name)), maxTypoTerms)
	if err != nil {
		return err
	}
	for _, f := range longer {
		c.add(alternative{field: fieldWords, term: f.term, weight: weightModel})
	}
	for n := len(name) - 1; n >= modelLetters && n >= len(name)-3; n-- {
		c.add(alternative{field: fieldWords, term: name[:n], weight: weightModel})
		c.add(alternative{field: fieldPairs, term: name[:n], weight: weightModel})
	}
	return nil
}
