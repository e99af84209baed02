package main

import (
	"regexp"
	"strings"
)

// A word of a source name: its text for matching (upper case, without apostrophes) and
// where it stands in the name.
type word struct {
	text       string
	start, end int
}

var (
	wordPattern = regexp.MustCompile(`[\p{L}\p{N}'’]+`)
	apostrophes = strings.NewReplacer("'", "", "’", "")
)

// splitWords returns the words of a name. "CHILDREN'S T-LIGHT" has three: CHILDRENS, T, LIGHT.
func splitWords(name string) []word {
	var words []word
	for _, at := range wordPattern.FindAllStringIndex(name, -1) {
		text := apostrophes.Replace(name[at[0]:at[1]])
		if text != "" {
			words = append(words, word{text: strings.ToUpper(text), start: at[0], end: at[1]})
		}
	}
	return words
}

// wordText holds the words of a text with a space on both sides of each, so that a search for
// " PHRASE " finds whole words.
type wordText string

func newWordText(s string) wordText {
	var b strings.Builder
	b.WriteByte(' ')
	for _, w := range splitWords(s) {
		b.WriteString(w.text)
		b.WriteByte(' ')
	}
	return wordText(b.String())
}

// has reports whether the phrase, or its plural in S or ES, stands in the text as whole words.
func (t wordText) has(phrase string) bool {
	for rest := string(t); ; {
		before, after, found := strings.Cut(rest, phrase)
		if !found {
			return false
		}
		if strings.HasSuffix(before, " ") && endsWord(after) {
			return true
		}
		rest = rest[len(before)+1:]
	}
}

func endsWord(rest string) bool {
	return strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "S ") || strings.HasPrefix(rest, "ES ")
}
