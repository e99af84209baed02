package language

import (
	"slices"
	"strings"
	"unicode/utf8"

	"meridian/internal/search"
)

// A Dictionary holds the words of one language.
type Dictionary struct {
	language string
	synonyms map[string][]Synonym // by the stems of one to three words, separated by spaces
	words    []string             // the keys of one word
	// lemmas holds the words that keys consist of, by their stems with and without accents.
	lemmas map[string]string
	// parts holds the words that compounds may consist of, by their stems with and without accents.
	parts       map[string]string
	stops       map[string]bool // as they are written
	foldedStops map[string]bool
	inflections inflections
}

// A Synonym is another word for a word, or up to three words for it.
type Synonym struct {
	Text   string // as it is written
	Tokens []Token
	// Rank is the place among the meanings of a word, from 0: the first one is the most likely. It is 0 for all synonyms of
	// a group.
	Rank int
}

// Dictionaries are the words of all languages, by the base tag of the language.
type Dictionaries map[string]*Dictionary

// NewDictionaries prepares words for looking them up.
func NewDictionaries(words search.Words) Dictionaries {
	all := make(Dictionaries, len(words))
	for language, of := range words {
		d := &Dictionary{language: language, synonyms: make(map[string][]Synonym),
			lemmas: make(map[string]string), parts: make(map[string]string), stops: make(map[string]bool), foldedStops: make(map[string]bool),
			inflections: inflectionsOf[language],
		}
		for _, word := range of.Stop {
			d.stop(word)
		}
		for _, group := range of.Synonyms {
			for i, from := range group {
				d.add(from, slices.Concat(group[:i], group[i+1:]), false)
			}
		}
		for from, to := range of.OneWay {
			d.add(from, to, false)
		}
		for from, to := range of.Means {
			d.add(from, to, true)
			if tokens := Tokenize(from); d.inflections.compounds && len(tokens) == 1 && len(tokens[0].Text) >= leastPart {
				d.parts[tokens[0].Stem] = tokens[0].Text
				if tokens[0].Accented {
					d.parts[Stem(tokens[0].Written)] = tokens[0].Text
				}
			}
		}
		all[language] = d
	}
	return all
}

func (d *Dictionary) stop(word string) {
	d.stops[written(word)] = true
	for _, t := range Tokenize(word) {
		d.foldedStops[folded(t.Text)] = true
	}
}

// maxKey is the number of words that may have synonyms together.
const maxKey = 3

func (d *Dictionary) add(from string, to []string, ranked bool) {
	tokens := d.withoutStops(Tokenize(from))
	if len(tokens) == 0 || len(tokens) > maxKey {
		return
	}
	key := stems(tokens)
	if d.synonyms[key] == nil && len(tokens) == 1 {
		d.words = append(d.words, key)
	}
	for _, t := range tokens {
		d.lemmas[Stem(folded(t.Text))] = t.Text
		d.lemmas[t.Stem] = t.Text
	}
	for rank, text := range to {
		if !ranked {
			rank = 0
		}
		if tokens := Tokenize(text); len(tokens) > 0 && len(tokens) <= maxKey {
			d.synonyms[key] = append(d.synonyms[key], Synonym{text, tokens, rank})
		}
	}
}

// withoutStops removes the stop words, unless there are no others: carte d'anniversaire is carte anniversaire.
func (d *Dictionary) withoutStops(tokens []Token) []Token {
	kept := slices.DeleteFunc(slices.Clone(tokens), d.stopped)
	if len(kept) == 0 {
		return tokens
	}
	return kept
}

// stopped reports whether a word is a stop word. A word that was typed with accents must be one with them: thé is not the.
func (d *Dictionary) stopped(t Token) bool {
	if t.Accented {
		return d.stops[t.Written]
	}
	return d.foldedStops[t.Text]
}

// lemma returns the known word that a word is a form of, or "".
func (d *Dictionary) lemma(t Token) string {
	if known, ok := d.lemmas[t.Stem]; ok || t.Digits {
		return known
	}
	for _, form := range d.inflections.forms(t.Text) {
		if known, ok := d.lemmas[Stem(form)]; ok {
			return known
		}
	}
	return ""
}

// part returns the word of a compound that a text is a form of, or "".
func (d *Dictionary) part(text string) string {
	if len(text) < leastPart {
		return ""
	}
	if known, ok := d.parts[Stem(text)]; ok {
		return known
	}
	for _, form := range d.inflections.forms(text) {
		if known, ok := d.parts[Stem(form)]; ok && len(form) >= leastPart {
			return known
		}
	}
	return ""
}

const (
	leastPart = 3 // bytes of a part of a compound
	mostParts = 3
)

// split returns the words that a compound consists of, or nil. Of several ways it takes the one with the fewest parts, and
// the longest last one, which says what the whole is.
func (d *Dictionary) split(word string, most int) []string {
	if len(d.parts) == 0 || most < 2 {
		return nil
	}
	for _, few := range []bool{true, false} {
		for i := leastPart; i <= len(word)-leastPart; i++ {
			if !utf8.RuneStart(word[i]) {
				continue
			}
			last := d.part(word[i:])
			if last == "" {
				continue
			}
			if first := d.linked(word[:i]); few && first != "" {
				return []string{first, last}
			}
			if parts := d.split(word[:i], most-1); !few && parts != nil {
				return append(parts, last)
			}
		}
	}
	return nil
}

// linked returns the word of a compound's part that is not the last: alone, with an ending between the parts, or without
// its own.
func (d *Dictionary) linked(text string) string {
	if known := d.part(text); known != "" {
		return known
	}
	for _, ending := range d.inflections.links {
		if rest, ok := strings.CutSuffix(text, ending); ok {
			if known := d.part(rest); known != "" {
				return known
			}
			text = rest // weihnacht-s is weihnacht-en
		}
	}
	for _, ending := range d.inflections.dropped {
		if known := d.parts[Stem(text+ending)]; known != "" {
			return known
		}
	}
	return ""
}

func stems(tokens []Token) string {
	all := make([]string, len(tokens))
	for i, t := range tokens {
		all[i] = t.Stem
	}
	return strings.Join(all, " ")
}

// A Vocabulary is the words of a shopper's languages, the first one first. An empty one has no words.
type Vocabulary []*Dictionary

// Of returns the vocabulary of some languages.
func (d Dictionaries) Of(languages ...string) Vocabulary {
	var v Vocabulary
	for _, language := range languages {
		if known := d[language]; known != nil && !slices.Contains(v, known) {
			v = append(v, known)
		}
	}
	return v
}

// Stops reports whether a word is a stop word of the languages. A word that is known in a language is none for the
// languages after it.
func (v Vocabulary) Stops(t Token) bool {
	for _, d := range v {
		if d.stopped(t) {
			return true
		}
		if d.lemma(t) != "" {
			return false
		}
	}
	return false
}

// Knows reports whether a word is a form of a word of the languages.
func (v Vocabulary) Knows(t Token) bool {
	return slices.ContainsFunc(v, func(d *Dictionary) bool { return d.lemma(t) != "" })
}

// Lemmas returns the stems of the known words that a word is a form of, without its own: of tassen that of tasse.
func (v Vocabulary) Lemmas(t Token) []string {
	var all []string
	for _, d := range v {
		if lemma := d.lemma(t); lemma != "" && Stem(lemma) != t.Stem {
			all = append(all, Stem(lemma))
		}
	}
	return all
}

// Synonyms returns the synonyms of a sequence of words.
func (v Vocabulary) Synonyms(tokens []Token) []Synonym {
	var all []Synonym
	for _, d := range v {
		all = append(all, d.of(tokens)...)
	}
	return all
}

func (d *Dictionary) of(tokens []Token) []Synonym { return d.synonyms[d.key(tokens)] }

// key returns the key of a sequence of words that has synonyms, or "".
func (d *Dictionary) key(tokens []Token) string {
	if n := len(tokens); n > 2 && !d.stopped(tokens[0]) && !d.stopped(tokens[n-1]) {
		tokens = d.withoutStops(tokens)
	}
	if len(tokens) > maxKey {
		return ""
	}
	if key := stems(tokens); d.synonyms[key] != nil {
		return key
	}
	known := make([]Token, len(tokens))
	for i, t := range tokens {
		lemma := d.lemma(t)
		if lemma == "" {
			return ""
		}
		known[i].Stem = Stem(lemma)
	}
	if key := stems(known); d.synonyms[key] != nil {
		return key
	}
	return ""
}

// Key returns the first language in which a sequence of words has synonyms, and what they are filed under there. The key
// is "" if there are none. Forms of a word have the same key.
func (v Vocabulary) Key(tokens []Token) (language, key string) {
	for _, d := range v {
		if key := d.key(tokens); key != "" {
			return d.language, key
		}
	}
	return "", ""
}

// Key returns what a text is filed under in a language, which need not know it.
func (d *Dictionary) Key(text string) string { return stems(d.withoutStops(Tokenize(text))) }

// Words returns the stems of single words that have synonyms.
func (v Vocabulary) Words() []string {
	var all []string
	for _, d := range v {
		all = append(all, d.words...)
	}
	return all
}

// Apart splits the compounds among the tokens into the known words that they consist of. The parts have the place of the
// whole, and its stem as Whole.
func (v Vocabulary) Apart(tokens []Token) []Token {
	var all []Token
	for i, t := range tokens {
		parts := v.split(t)
		if parts != nil && all == nil {
			all = append(make([]Token, 0, len(tokens)+2), tokens[:i]...)
		}
		for _, part := range parts {
			all = append(all, Token{Text: part, Stem: Stem(part), Start: t.Start, End: t.End, Whole: t.Stem})
		}
		if parts == nil && all != nil {
			all = append(all, t)
		}
	}
	if all == nil {
		return tokens
	}
	return all
}

func (v Vocabulary) split(t Token) []string {
	if t.Digits || v.Knows(t) {
		return nil
	}
	for _, d := range v {
		if parts := d.split(t.Written, mostParts); parts != nil { // küchenuhr, which is no kuchen-uhr
			return parts
		}
		if parts := d.split(t.Text, mostParts); parts != nil {
			return parts
		}
	}
	return nil
}
