package main

import (
	"slices"
	"strings"
)

// The kinds of words.csv that are not the name of an option. Those are: colour, size,
// scent, design and letter.
const (
	kindIgnored  = "ignored" // says nothing when two names are compared
	kindColour   = "colour"
	kindDesign   = "design"
	kindMaterial = "material"
	kindOccasion = "occasion"
)

// isOption reports whether a word of this kind can tell the SKUs of one product apart.
func isOption(kind string) bool {
	return kind != kindIgnored && kind != kindMaterial && kind != kindOccasion
}

// A meaning is a line of words.csv, whose columns are kind, value and words: the words
// (alternatives between bars) mean the value, by which products can be filtered. Without
// a value they only tell one variant from another.
type meaning struct {
	kind, value string
}

// vocabulary holds words.csv by phrase. A phrase has at most one meaning as an option, and
// may have others (TRADITIONAL CHRISTMAS is a design, and an occasion besides).
type vocabulary map[string][]meaning

const longestPhrase = 3 // words

func readVocabulary() (vocabulary, error) {
	rows, err := readTable("words.csv")
	if err != nil {
		return nil, err
	}
	v := vocabulary{}
	for _, row := range rows {
		for phrase := range strings.SplitSeq(row["words"], "|") {
			v[phrase] = append(v[phrase], meaning{kind: row["kind"], value: row["value"]})
		}
	}
	return v, nil
}

// A found phrase is a run of a name's words that the vocabulary knows.
type found struct {
	phrase     string
	first, end int // words [first, end)
	meanings   []meaning
}

// find returns the known phrases of a name from left to right, the longest at each place.
func (v vocabulary) find(words []word) []found {
	var all []found
	for i := 0; i < len(words); i++ {
		for n := min(longestPhrase, len(words)-i); n > 0; n-- {
			phrase := joinWords(words[i : i+n])
			if meanings, ok := v[phrase]; ok {
				all = append(all, found{phrase: phrase, first: i, end: i + n, meanings: meanings})
				i += n - 1
				break
			}
		}
	}
	return all
}

// values returns the values of a kind that the names' words mean, in alphabetical order.
func (v vocabulary) values(kind string, names []string) []string {
	var values []string
	for _, name := range names {
		for _, f := range v.find(splitWords(name)) {
			for _, m := range f.meanings {
				if m.kind == kind && m.value != "" {
					values = append(values, m.value)
				}
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// optionKind returns the kind of option the phrase is, or "".
func (f found) optionKind() string {
	for _, m := range f.meanings {
		if isOption(m.kind) {
			return m.kind
		}
	}
	return ""
}

func (f found) ignored() bool {
	return slices.ContainsFunc(f.meanings, func(m meaning) bool { return m.kind == kindIgnored })
}

func joinWords(words []word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}
