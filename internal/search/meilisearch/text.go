package meilisearch

import (
	"cmp"
	"slices"
	"strings"

	"meridian/internal/search/concept"
	"meridian/internal/search/language"
)

// typed is a search text as it is sent: a word for each concept, and phrases.
type typed struct {
	parts  []part
	prefix bool // the last part is a prefix
}

// A part is a word or a phrase.
type part struct {
	text   string
	phrase bool
	words  int
	// documents is the approximate number of documents that have the word or what stands for it.
	documents int
}

// newTyped returns the text for a plan. A word that the index does not have is sent as what it was probably meant to be,
// and known words of languages other than English as the word that stands for them (foreign).
func newTyped(p concept.Plan, lexicon *concept.Lexicon, words language.Vocabulary, prefix bool) typed {
	var t typed
	for i := 0; i < len(p.Concepts); {
		if quoted := p.Concepts[i].Quoted; quoted > 0 {
			var stems []string
			for ; i < len(p.Concepts) && p.Concepts[i].Quoted == quoted; i++ {
				stems = append(stems, p.Concepts[i].Word.Stem)
			}
			t.parts = append(t.parts, part{text: sentWords(stems), phrase: true, words: len(stems)})
			continue
		}
		s := sender{concepts: unquoted(p.Concepts[i:]), lexicon: lexicon, words: words, prefix: prefix}
		word, n := s.first()
		t.parts = append(t.parts, part{text: word, words: 1, documents: documentsOf(p.Concepts[i], lexicon)})
		i += n
	}
	t.prefix = prefix && len(t.parts) > 0 && !t.parts[len(t.parts)-1].phrase
	return t
}

// unquoted returns the concepts before the first phrase.
func unquoted(concepts []concept.Concept) []concept.Concept {
	if i := slices.IndexFunc(concepts, func(c concept.Concept) bool { return c.Quoted > 0 }); i >= 0 {
		return concepts[:i]
	}
	return concepts
}

// A sender decides what is sent for the first of some concepts, of which there is one at least.
type sender struct {
	concepts []concept.Concept
	lexicon  *concept.Lexicon
	words    language.Vocabulary
	prefix   bool // the last concept may be incomplete
}

// first returns the word that is sent, and the number of concepts that it stands for.
func (s sender) first() (string, int) {
	for _, of := range []func() (string, int){s.code, s.joined, s.foreign} {
		if word, n := of(); n > 0 {
			return word, n
		}
	}
	if s.prefix && len(s.concepts) == 1 {
		return sentWords([]string{s.beginning()}), 1
	}
	return sentWords([]string{meant(s.concepts[0]).Stem}), 1
}

// code returns the code that concepts form: one that documents have, or letters and digits with nothing but punctuation
// between that no document has as words. A known code without a digit is none if its words are known, too.
func (s sender) code() (string, int) {
	best, n := "", 0
	for _, a := range s.concepts[0].Alternatives {
		if a.Field == concept.Codes && len(a.Term) > len(best) && s.lexicon.Count(concept.Codes, a.Term) > 0 {
			if together := s.sharing(a); hasDigit(a.Term) || !slices.ContainsFunc(s.concepts[:together], s.isWord) {
				best, n = a.Term, together
			}
		}
	}
	if n > 0 {
		return best, n
	}
	return s.unknownCode()
}

// sharing returns the number of concepts that have an alternative in common with the first.
func (s sender) sharing(a concept.Alternative) int {
	for i, c := range s.concepts {
		if !slices.ContainsFunc(c.Alternatives, func(b concept.Alternative) bool { return b.Field == a.Field && b.Term == a.Term }) {
			return i
		}
	}
	return len(s.concepts)
}

func hasDigit(text string) bool { return strings.ContainsAny(text, "0123456789") }

func (s sender) unknownCode() (string, int) {
	n := 1
	digits, words := s.concepts[0].Word.Digits, s.isWord(s.concepts[0])
	named := true // documents have all of the pairs
	for ; n < len(s.concepts) && adjoin(s.concepts[n-1].Word, s.concepts[n].Word); n++ {
		digits, words = digits || s.concepts[n].Word.Digits, words || s.isWord(s.concepts[n])
		pair := language.Joined([]language.Token{s.concepts[n-1].Word, s.concepts[n].Word})
		named = named && s.lexicon.Count(concept.Pairs, pair) > 0
	}
	if n == 1 || !digits || words || named || s.prefix && n == len(s.concepts) {
		return "", 0
	}
	return concept.CodeOf(s.concepts[:n]), n
}

// adjoin reports whether a word follows another with punctuation alone between them: the stop word of 3-in-1 was dropped.
func adjoin(a, b language.Token) bool { return b.Glued && b.Start-a.End == 1 }

// wordLetters is the least number of letters of a word; fewer may be a part of a code.
const wordLetters = 4

func (s sender) isWord(c concept.Concept) bool {
	return !c.Word.Digits && len(c.Word.Text) >= wordLetters && s.lexicon.Count(concept.Words, c.Word.Stem) > 0
}

// joined returns the one word that concepts are in documents: a compound that was taken apart, or two words that documents
// join more often than not.
func (s sender) joined() (string, int) {
	whole := s.concepts[0].Word.Whole
	if whole != "" && s.lexicon.Count(concept.Words, whole) > 0 {
		n := 1
		for n < len(s.concepts) && s.concepts[n].Word.Whole == whole {
			n++
		}
		return sentWords([]string{whole}), n
	}
	if len(s.concepts) < 2 || s.prefix && len(s.concepts) == 2 {
		return "", 0
	}
	together := language.Joined([]language.Token{meant(s.concepts[0]), meant(s.concepts[1])})
	if one := s.lexicon.Count(concept.Words, together); one > 0 && one >= s.lexicon.Count(concept.Pairs, together) {
		return sentWords([]string{together}), 2
	}
	return "", 0
}

// documentsOf returns the approximate number of documents that have a concept.
func documentsOf(c concept.Concept, lexicon *concept.Lexicon) int {
	most := 0
	for _, a := range c.Alternatives {
		most = max(most, lexicon.Count(a.Field, a.Term))
	}
	return most
}

// maxTogether is the number of words that may have a meaning together.
const maxTogether = 3

// foreign returns the word that stands for concepts that mean something together in a language other than English.
func (s sender) foreign() (string, int) {
	var tokens []language.Token
	for _, c := range s.concepts[:min(maxTogether, len(s.concepts))] {
		tokens = append(tokens, meant(c))
	}
	for n := len(tokens); n > 0; n-- {
		if n == 1 && s.words.Stops(tokens[0]) {
			break // the is no thé
		}
		if name, key := s.words.Key(tokens[:n]); key != "" && name != english {
			return foreign(name, key), n
		}
	}
	return "", 0
}

// meant returns the word that a concept probably means.
func meant(c concept.Concept) language.Token {
	if len(c.Meant) > 0 {
		return c.Meant[0]
	}
	return c.Word
}

// beginning returns what is sent for a word that may be incomplete: boxe begins as the stem of boxes does, if there are any.
func (s sender) beginning() string {
	word := meant(s.concepts[0])
	stem := language.Stem(word.Text + "s")
	if !word.Digits && strings.HasPrefix(word.Text, stem) && s.lexicon.Count(concept.Words, stem) > 0 {
		return stem
	}
	if s.lexicon.Count(concept.Words, word.Stem) > 0 {
		return word.Stem
	}
	return word.Text
}

// words returns the number of words, including those of phrases.
func (t typed) words() int {
	n := 0
	for _, p := range t.parts {
		n += p.words
	}
	return n
}

// optional returns the number of parts that are not phrases and may be missing.
func (t typed) optional() int {
	return len(slices.DeleteFunc(slices.Clone(t.parts), func(p part) bool { return p.phrase }))
}

// String returns the text to send. Meilisearch matches the last word as a prefix unless a space follows it.
func (t typed) String() string {
	texts := make([]string, 0, len(t.parts))
	for _, p := range t.parts {
		if p.phrase {
			p.text = `"` + p.text + `"`
		}
		texts = append(texts, p.text)
	}
	text := strings.Join(texts, " ")
	if text != "" && !t.prefix {
		text += " "
	}
	return text
}

// least returns the number of words that a document must have if words may be dropped from the end: all words of
// phrases, and two thirds of the others, or all if there are only one or two.
func (t typed) least() int {
	phrases := t.words() - t.optional()
	if t.optional() <= 2 {
		return t.words()
	}
	return phrases + (2*t.optional()+2)/3
}

// A rotation is a text that begins at another of its words and wraps around.
type rotation struct {
	typed
	// weight is that of its hits, at most 1: the rarer the first word, the more they are worth.
	weight float64
}

// leastWeight is the weight of the rotation that begins at the most frequent word.
const leastWeight = 0.6

// rotations returns the text starting at each of its words and wrapping around, the rarest word first. Together they ask for
// any of the words, since Meilisearch drops words from the end only. A final prefix, which is a prefix only at the end, is
// also asked for alone. Phrases are in all rotations.
func (t typed) rotations() []rotation {
	var starts []int
	for i, p := range t.parts {
		if !p.phrase {
			starts = append(starts, i)
		}
	}
	slices.SortStableFunc(starts, func(a, b int) int { return cmp.Compare(t.parts[a].documents, t.parts[b].documents) })
	var all []rotation
	for rank, i := range starts {
		parts := append(slices.Clone(t.parts[i:]), t.parts[:i]...)
		weight := 1 - (1-leastWeight)*float64(rank)/float64(max(1, len(starts)-1))
		all = append(all, rotation{typed{parts: parts, prefix: i == 0 && t.prefix}, weight})
	}
	if t.prefix && len(all) > 1 {
		alone := slices.DeleteFunc(slices.Clone(t.parts[:len(t.parts)-1]), func(p part) bool { return !p.phrase })
		last := typed{parts: append(alone, t.parts[len(t.parts)-1]), prefix: true}
		all = append(all, rotation{last, float64(last.words()) / float64(t.words())})
	}
	return all
}
