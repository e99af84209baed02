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
func newTyped(p concept.Plan, index concept.Index, words language.Vocabulary, prefix bool) typed {
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
		word, n := codeOf(p.Concepts[i:], index)
		if n == 0 {
			word, n = joinedOf(p.Concepts[i:], index)
		}
		if n == 0 {
			word, n = wordOf(p.Concepts[i:], words)
		}
		if prefix && i == len(p.Concepts)-1 {
			word = beginning(p.Concepts[i])
		}
		t.parts = append(t.parts, part{text: word, words: 1, documents: documentsOf(p.Concepts[i], index)})
		i += n
	}
	t.prefix = prefix && len(t.parts) > 0 && !t.parts[len(t.parts)-1].phrase
	return t
}

// codeOf returns the code that the first concepts form together, and their number, or 0 if they form none. A code is one that
// is known, or letters and digits with nothing but punctuation between that documents have neither so nor as words.
func codeOf(concepts []concept.Concept, index concept.Index) (string, int) {
	for n := min(len(concepts), concept.MaxSpan); n > 0; n-- {
		code := concept.CodeOf(concepts[:n])
		if known(index, concept.Codes, code) > 0 {
			return code, n
		}
	}
	n := 1
	digits, words := concepts[0].Word.Digits, isWord(concepts[0], index)
	named := true // documents have all of the pairs
	for ; n < len(concepts) && concepts[n].Word.Glued && concepts[n].Quoted == 0; n++ {
		digits, words = digits || concepts[n].Word.Digits, words || isWord(concepts[n], index)
		pair := language.Joined([]language.Token{concepts[n-1].Word, concepts[n].Word})
		named = named && known(index, concept.Pairs, pair) > 0
	}
	if n == 1 || !digits || words || named {
		return "", 0
	}
	return concept.CodeOf(concepts[:n]), n
}

// wordLetters is the least number of letters of a word; fewer may be a part of a code.
const wordLetters = 4

func isWord(c concept.Concept, index concept.Index) bool {
	return !c.Word.Digits && len(c.Word.Text) >= wordLetters && known(index, concept.Words, c.Word.Stem) > 0
}

// joinedOf returns the one word that the first concepts are in documents: a compound that was taken apart, or two words that
// documents join more often than not.
func joinedOf(concepts []concept.Concept, index concept.Index) (string, int) {
	whole := concepts[0].Word.Whole
	if whole != "" && known(index, concept.Words, whole) > 0 {
		n := 1
		for n < len(concepts) && concepts[n].Word.Whole == whole {
			n++
		}
		return sentWords([]string{whole}), n
	}
	if len(concepts) < 2 || concepts[1].Quoted > 0 {
		return "", 0
	}
	joined := language.Joined([]language.Token{meant(concepts[0]), meant(concepts[1])})
	if one := known(index, concept.Words, joined); one > 0 && one >= known(index, concept.Pairs, joined) {
		return sentWords([]string{joined}), 2
	}
	return "", 0
}

// documentsOf returns the approximate number of documents that have a concept.
func documentsOf(c concept.Concept, index concept.Index) int {
	most := 0
	for _, a := range c.Alternatives {
		most = max(most, known(index, a.Field, a.Term))
	}
	return most
}

// known returns the number of documents with a term.
func known(index concept.Index, field concept.Field, term string) int {
	documents, err := index.Documents(field, term)
	if err != nil {
		return 0
	}
	return documents
}

// maxTogether is the number of words that may have a meaning together.
const maxTogether = 3

// wordOf returns the word that is sent for the first of some concepts, or for more of them that mean something together in
// a language other than English, and their number.
func wordOf(concepts []concept.Concept, words language.Vocabulary) (string, int) {
	var tokens []language.Token
	for _, c := range concepts[:min(maxTogether, len(concepts))] {
		if c.Quoted > 0 {
			break
		}
		tokens = append(tokens, meant(c))
	}
	for n := len(tokens); n > 0; n-- {
		if n == 1 && words.Stops(tokens[0]) {
			break // the is no thé
		}
		if name, key := words.Key(tokens[:n]); key != "" && name != english {
			return foreign(name, key), n
		}
	}
	return sentWords([]string{tokens[0].Stem}), 1
}

// meant returns the word that a concept probably means.
func meant(c concept.Concept) language.Token {
	if len(c.Meant) > 0 {
		return c.Meant[0]
	}
	return c.Word
}

// beginning returns what is sent for a word that may be incomplete: boxe begins as the stem of boxes does.
func beginning(c concept.Concept) string {
	word := meant(c)
	if stem := language.Stem(word.Text + "s"); !word.Digits && strings.HasPrefix(word.Text, stem) {
		return sentWords([]string{stem})
	}
	return sentWords([]string{word.Stem})
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

// leastWeight is the weight of the rotation that begins at the most frequent word, if it has all words.
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
		weight := 1 - (1-leastWeight)*float64(rank)/float64(len(starts))
		all = append(all, rotation{typed{parts: parts, prefix: i == 0 && t.prefix}, weight})
	}
	if t.prefix && len(all) > 1 {
		alone := slices.DeleteFunc(slices.Clone(t.parts[:len(t.parts)-1]), func(p part) bool { return !p.phrase })
		last := typed{parts: append(alone, t.parts[len(t.parts)-1]), prefix: true}
		all = append(all, rotation{last, float64(last.words()) / float64(t.words())})
	}
	return all
}
