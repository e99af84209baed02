package concept

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/vellum"
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

// Expand adds the alternatives that come from the index. With prefix, the last word may be incomplete.
func (p *Plan) Expand(index Index, words language.Vocabulary, prefix bool) error {
	e := expansion{Plan: p, index: index, words: words}
	for i := range p.Concepts {
		if c := &p.Concepts[i]; c.Quoted == 0 {
			if err := e.expand(i, prefix && i == len(p.Concepts)-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// An expansion adds alternatives to a plan.
type expansion struct {
	*Plan
	index Index
	words language.Vocabulary
}

func (e expansion) expand(i int, prefix bool) error {
	c := &e.Concepts[i]
	if prefix {
		if err := e.prefix(c); err != nil {
			return err
		}
	}
	documents, err := e.typedRight(c)
	if err != nil {
		return err
	}
	if err := e.models(c, documents > 0); err != nil {
		return err
	}
	if documents > rareWord || e.words.Knows(c.Word) || !e.index.Complete() {
		return nil
	}
	meant, err := e.typos(c, documents > 0, prefix)
	if err != nil {
		return err
	}
	if err := e.sortByNeighbours(i, meant); err != nil {
		return err
	}
	e.correct(i, meant)
	if documents == 0 {
		for _, m := range meant {
			c.mean(m.word)
		}
	}
	return nil
}

// mean adds a word to those that may have been meant.
func (c *Concept) mean(word string) {
	if !slices.ContainsFunc(c.Meant, func(t language.Token) bool { return t.Stem == word }) {
		c.Meant = append(c.Meant, c.as(word))
	}
}

// as returns the word that was typed as another one.
func (c *Concept) as(word string) language.Token {
	return language.Token{Text: word, Stem: word, Digits: c.Word.Digits}
}

// typedRight returns the approximate number of documents that have the word as typed, or split or joined.
func (e expansion) typedRight(c *Concept) (int, error) {
	all := 0
	for _, a := range c.Alternatives {
		if a.Synonym {
			continue
		}
		documents, err := e.index.Documents(a.Field, a.Term)
		if err != nil {
			return 0, err
		}
		all += documents
	}
	return all, nil
}

// prefix adds the terms that begin with the word.
func (e expansion) prefix(c *Concept) error {
	from := []byte(c.Word.Text)
	terms, err := e.index.Scan(Words, nil, from, After(from), maxScanned)
	if err != nil {
		return err
	}
	for _, f := range terms[:min(len(terms), maxPrefixTerms)] {
		c.add(Alternative{Field: Words, Term: f.Term, Weight: weightBegins})
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
func (c *Concept) mistakes(known bool) int {
	switch letters := utf8.RuneCountInString(c.Word.Text); {
	case letters < lettersForOne-1 || letters == lettersForOne-1 && known:
		return 0
	case c.Word.Digits && (known || !model(c.Word.Text) || letters == lettersForOne):
		return 0
	case letters < lettersForTwo || c.Word.Digits:
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
func (e expansion) typos(c *Concept, known, prefix bool) ([]meaning, error) {
	mistakes := c.mistakes(known)
	if mistakes == 0 {
		return nil, nil
	}
	builder := oneTypo
	if mistakes == 2 {
		builder = twoTypos
	}
	near, err := builder.BuildDfa(strings.TrimSuffix(c.Word.Stem, "s"), uint8(mistakes))
	if err != nil {
		return nil, fmt.Errorf("look for typing errors: %w", err)
	}
	var automaton vellum.Automaton = near
	if prefix && !known {
		automaton = begins{near}
	}
	terms, err := e.index.Scan(Words, automaton, nil, nil, maxScanned)
	if err != nil {
		return nil, err
	}
	if len(terms) == 0 && len(c.Word.Text) >= lettersOfPair {
		if terms, err = e.index.Scan(Pairs, automaton, nil, nil, maxScanned); err != nil {
			return nil, err
		}
	}
	for _, word := range e.words.Words() {
		if match, _ := near.MatchAndDistance(word); match {
			terms = append(terms, Found{Term: word})
		}
	}
	return c.meanings(terms, near), nil
}

// meanings returns the acceptable ones of the terms that an automaton found, with their weights, likeliest first.
func (c *Concept) meanings(terms []Found, near *levenshtein.DFA) []meaning {
	var all []meaning
	for _, f := range terms {
		letters := utf8.RuneCountInString(f.Term)
		if strings.ContainsAny(f.Term, digits) != c.Word.Digits ||
			letters < lettersForOne && utf8.RuneCountInString(c.Word.Text) < lettersForOne {
			continue
		}
		weight := float32(weightTwoTypos)
		if match, edits := near.MatchAndDistance(f.Term); match && edits <= 1 && !c.Word.Digits {
			weight = weightOneTypo
		}
		all = append(all, meaning{f.Term, weight})
	}
	slices.SortStableFunc(all, func(a, b meaning) int { return cmp.Compare(b.weight, a.weight) })
	return all[:min(len(all), maxTypoTerms)]
}

// sortByNeighbours puts meanings that stand beside the words before and behind in documents first, among those with as many
// mistakes.
func (e expansion) sortByNeighbours(i int, all []meaning) error {
	if len(all) < 2 {
		return nil
	}
	beside := make(map[string]int, len(all))
	for _, m := range all {
		word := e.Concepts[i].as(m.word)
		var pairs [][]language.Token
		if i > 0 {
			pairs = append(pairs, []language.Token{e.Concepts[i-1].Word, word})
		}
		if i+1 < len(e.Concepts) {
			pairs = append(pairs, []language.Token{word, e.Concepts[i+1].Word})
		}
		for _, pair := range pairs {
			documents, err := e.index.Documents(Pairs, language.Joined(pair))
			if err != nil {
				return err
			}
			beside[m.word] += documents
		}
	}
	slices.SortStableFunc(all, func(a, b meaning) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(beside[b.word], beside[a.word]))
	})
	return nil
}

// maxCorrections is the number of meanings that also form pairs and synonyms with neighbouring words.
const maxCorrections = 4

// correct adds the meanings of a concept as its alternatives, alone and together with its neighbours.
func (e expansion) correct(i int, meant []meaning) {
	for n, m := range meant {
		e.Concepts[i].add(Alternative{Field: Words, Term: m.word, Weight: m.weight})
		if n >= maxCorrections {
			continue
		}
		for _, span := range [][2]int{{i, i + 1}, {i - 1, i + 1}, {i, i + 2}} {
			if span[0] < 0 || span[1] > len(e.Concepts) {
				continue
			}
			tokens := make([]language.Token, 0, 2)
			for j := span[0]; j < span[1]; j++ {
				tokens = append(tokens, e.Concepts[j].Word)
			}
			tokens[i-span[0]] = e.Concepts[i].as(m.word)
			addSpan(e.Concepts[span[0]:span[1]], tokens, e.words, m.weight)
		}
	}
}

// begins accepts every text with a prefix that another automaton accepts.
type begins struct{ vellum.Automaton }

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
func (e expansion) models(c *Concept, known bool) error {
	name := c.Word.Text
	if !model(name) {
		return nil
	}
	forms, err := e.index.Scan(Words, nil, []byte(name), After([]byte(name)), maxTypoTerms)
	if err != nil {
		return err
	}
	for _, short := range shorter(name) {
		documents, err := e.index.Documents(Words, short)
		if err != nil {
			return err
		}
		if documents > 0 {
			forms = append(forms, Found{Term: short, Documents: documents})
		}
		c.add(Alternative{Field: Pairs, Term: short, Weight: weightModel})
	}
	for _, f := range forms {
		c.add(Alternative{Field: Words, Term: f.Term, Weight: weightModel})
		if !known && e.index.Complete() {
			c.mean(f.Term)
		}
	}
	return nil
}

// shorter returns what is left of a model number without its last characters, up to three of them.
func shorter(name string) []string {
	var all []string
	for n := len(name) - 1; n >= modelLetters && n >= len(name)-3; n-- {
		all = append(all, name[:n])
	}
	return all
}
