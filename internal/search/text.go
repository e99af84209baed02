package search

import (
	"strings"
	"unicode"
)

// words returns the words of a text in lower case. Quoted parts are left out.
func words(text string) []string {
	var all []string
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 0 {
			all = append(all, strings.FieldsFunc(strings.ToLower(part), notInWord)...)
		}
	}
	return all
}

// wordless reports whether a text is not empty but holds no letter or digit. Such a text finds nothing, whereas an
// empty one finds everything.
func wordless(text string) bool {
	return strings.TrimSpace(text) != "" && !strings.ContainsFunc(text, func(r rune) bool { return !notInWord(r) })
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// normal returns the form of a text that query rules and term counts use: lower case, single spaces.
func normal(text string) string { return strings.Join(strings.Fields(strings.ToLower(text)), " ") }
