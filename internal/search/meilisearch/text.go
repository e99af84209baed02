package meilisearch

import (
	"slices"
	"strings"
	"unicode"

	"meridian/internal/search"
)

// typed is a text as it is sent: cut into what Meilisearch will take for one thing each, without what it would take for
// an operator.
type typed struct {
	parts  []part
	prefix bool // the last part is the beginning of a word
}

// part is a word, or a phrase.
type part struct {
	text   string
	phrase bool
	words  int // that Meilisearch cuts it into, more or less
}

// newTyped reads a text. Stop words of the language are left out, unless there are no others.
func newTyped(q search.Query, stop map[string]bool) typed {
	var all, telling typed
	last := false // whether the last part of telling is the last of the text
	for i, text := range strings.Split(q.Text, `"`) {
		closed := i%2 == 1 && strings.Count(q.Text, `"`) > i
		for _, p := range partsOf(text, closed) {
			if all.words()+p.words > search.MaxTerms {
				break
			}
			all.parts = append(all.parts, p)
			if last = p.phrase || !stop[strings.ToLower(p.text)]; last {
				telling.parts = append(telling.parts, p)
			}
		}
	}
	if len(telling.parts) == 0 {
		telling, last = all, true
	}
	telling.prefix = q.Prefix && last && len(telling.parts) > 0 && !telling.parts[len(telling.parts)-1].phrase
	return telling
}

// partsOf are the words of a text, or the one phrase that it is.
func partsOf(text string, phrase bool) []part {
	var words []part
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		word = strings.TrimFunc(word, func(r rune) bool { return !isWordRune(r) }) // a leading - would exclude the word
		if n := countWords(word); n > 0 {
			words = append(words, wordPart(word, n))
		}
	}
	if !phrase || len(words) == 0 {
		return words
	}
	whole := part{phrase: true}
	texts := make([]string, 0, len(words))
	for _, word := range words {
		whole.words += word.words
		texts = append(texts, word.text)
	}
	whole.text = strings.Join(texts, " ")
	return []part{whole}
}

// wordPart is a word as it is written, but for those with a digit: they are in small letters, since Meilisearch cuts
// before capitals, and codes are joined as they are in record.Codes.
func wordPart(word string, words int) part {
	switch {
	case isCode(word):
		return part{text: join(word), words: 1}
	case strings.ContainsFunc(word, unicode.IsDigit):
		return part{text: strings.ToLower(word), words: words}
	}
	return part{text: word, words: words}
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.IsSymbol(r) && r > unicode.MaxLatin1
}

// countWords counts the runs of letters and digits.
func countWords(text string) int {
	return len(strings.FieldsFunc(text, func(r rune) bool { return !isWordRune(r) }))
}

// words are how many words there are, those of phrases included.
func (t typed) words() int {
	n := 0
	for _, p := range t.parts {
		n += p.words
	}
	return n
}

// optional are how many parts there are that are no phrases: those may be missing.
func (t typed) optional() int {
	return len(slices.DeleteFunc(slices.Clone(t.parts), func(p part) bool { return p.phrase }))
}

// String is what is sent. Meilisearch takes the last word for a prefix, unless something is behind it: a space does.
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

// least is how many of the words a document must have where words may be missing from the end: all that are in phrases,
// and of the others two thirds, or all of one or two.
func (t typed) least() int {
	phrases := 0
	for _, p := range t.parts {
		if p.phrase {
			phrases += p.words
		}
	}
	others := t.words() - phrases
	if t.optional() <= 2 {
		return phrases + others
	}
	return phrases + (2*others+2)/3
}

// rotations are the text begun at each of its words, the rest going round: what asks for any of the words, since
// Meilisearch drops words from the end only. The beginning of a word, which is one at the end only, is also asked for
// without the other words. Phrases are in all of them.
func (t typed) rotations() []typed {
	t = t.apart()
	var all []typed
	for i, p := range t.parts {
		if !p.phrase {
			parts := append(slices.Clone(t.parts[i:]), t.parts[:i]...)
			all = append(all, typed{parts: parts, prefix: i == 0 && t.prefix})
		}
	}
	if t.prefix && len(all) > 1 {
		alone := slices.DeleteFunc(slices.Clone(t.parts[:len(t.parts)-1]), func(p part) bool { return !p.phrase })
		all = append(all, typed{parts: append(alone, t.parts[len(t.parts)-1]), prefix: true})
	}
	return all
}

// apart is the text with every word that Meilisearch makes of it as a part of its own.
func (t typed) apart() typed {
	cut := typed{prefix: t.prefix}
	for _, p := range t.parts {
		if p.phrase || p.words == 1 {
			cut.parts = append(cut.parts, p)
			continue
		}
		for _, word := range strings.FieldsFunc(p.text, func(r rune) bool { return !isWordRune(r) }) {
			cut.parts = append(cut.parts, part{text: word, words: 1})
		}
	}
	return cut
}
