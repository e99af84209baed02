package meilisearch

import (
	"slices"
	"strings"
	"unicode"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// typed is a search text as it is sent: split into words and phrases, without Meilisearch's operators.
type typed struct {
	parts  []part
	prefix bool // the last part is a prefix
}

// A part is a word or a phrase.
type part struct {
	text   string
	phrase bool
	words  int // the approximate number of words that Meilisearch makes of it
}

// newTyped parses a search text. Stop words are dropped, unless there are no other words, and known words of languages
// other than English are replaced by the word that stands for them (foreign).
func newTyped(q search.Query, words language.Vocabulary) typed {
	var all, kept typed
	last := false // whether the last part of kept is the last part of the text
	for i, text := range strings.Split(q.Text, `"`) {
		closed := i%2 == 1 && strings.Count(q.Text, `"`) > i
		for _, p := range partsOf(text, closed) {
			if all.words()+p.words > search.MaxTerms {
				break
			}
			all.parts = append(all.parts, p)
			if last = !p.stopped(words); last {
				kept.parts = append(kept.parts, p)
			}
		}
	}
	if len(kept.parts) == 0 {
		kept, last = all, true
	}
	kept.prefix = q.Prefix && last && len(kept.parts) > 0 && !kept.parts[len(kept.parts)-1].phrase
	kept.parts = translated(kept.parts, words)
	return kept
}

// stopped reports whether the part is a stop word.
func (p part) stopped(words language.Vocabulary) bool {
	tokens := language.Tokenize(p.text)
	return !p.phrase && len(tokens) == 1 && words.Stops(tokens[0])
}

// maxTogether is the number of words that may have a meaning together.
const maxTogether = 3

// translated replaces known words of languages other than English.
func translated(parts []part, words language.Vocabulary) []part {
	var all []part
	for i := 0; i < len(parts); {
		n := min(maxTogether, len(parts)-i)
		for ; n > 0; n-- {
			if found := standIns(parts[i:i+n], words); found != nil {
				all = append(all, found...)
				break
			}
		}
		if n == 0 {
			all = append(all, parts[i])
		}
		i += max(1, n)
	}
	return all
}

// standIns returns what stands for words of another language: one part, or one for each of the words that a compound
// consists of. It returns nil for words that are to be sent as they are.
func standIns(parts []part, words language.Vocabulary) []part {
	var tokens []language.Token
	for _, p := range parts {
		if p.phrase || p.stopped(words) {
			return nil
		}
		tokens = append(tokens, language.Tokenize(p.text)...)
	}
	if name, key := words.Key(tokens); key != "" {
		if name == english {
			return nil
		}
		return []part{{text: foreign(name, key), words: 1}}
	}
	if len(tokens) != 1 {
		return nil
	}
	var all []part
	for _, t := range words.Apart(tokens) {
		name, key := words.Key([]language.Token{t})
		if t.Whole == "" || key == "" {
			return nil
		}
		all = append(all, part{text: foreign(name, key), words: 1})
	}
	return all
}

// meant returns the text with its unknown words replaced by words with synonyms that are almost like them, and whether
// there are any.
func (t typed) meant(words language.Vocabulary) (better typed, changed bool) {
	better = typed{parts: slices.Clone(t.parts), prefix: t.prefix}
	for i, p := range better.parts {
		tokens := language.Tokenize(p.text)
		if p.phrase || len(tokens) != 1 {
			continue
		}
		if near := words.Near(tokens[0]); near != "" {
			better.parts[i], changed = part{text: near, words: 1}, true
		}
	}
	better.parts = translated(better.parts, words)
	return better, changed
}

// partsOf returns the words of a text, or the single phrase that it forms.
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

// wordPart returns the part for a word. Words with a digit are sent in lower case, since Meilisearch splits before
// capitals, and codes are joined as in record.Codes.
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

// rotations returns the text starting at each of its words and wrapping around. Together they ask for any of the words,
// since Meilisearch drops words from the end only. A final prefix, which is a prefix only at the end, is also asked for
// alone. Phrases are in all rotations.
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

// apart returns the text with every word that Meilisearch makes of it as a part of its own.
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
