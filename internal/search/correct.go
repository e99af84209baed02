package search

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"golang.org/x/text/unicode/norm"
)

// Words shorter than this are not taken for typing errors; as many letters as this may have two errors.
const (
	shortestCorrected = 4
	twoErrors         = 9
)

// correct is the text with its typing errors mended, or "" where none is apparent. It knows no dictionary: engines
// find what was nearly typed, and highlight it. A word of which no hit has anything like it spelt so, but most have one
// that differs by a letter or two, was probably meant to be that one.
func correct(text string, hits []Hit) string {
	if len(hits) == 0 {
		return ""
	}
	found := make(map[string]int) // by word, how many hits it was found in
	for _, hit := range hits {
		for word := range matched(hit) {
			found[word]++
		}
	}
	typed, others := words(text), maps.Clone(found)
	for _, word := range typed { // what was meant by another word is not meant by this one, too
		delete(others, word)
	}
	mended, changed := text, false
	for _, word := range typed {
		if better, ok := meant(word, others); ok && !isFound(word, found) {
			mended = replaceWord(mended, word, better)
			changed = true
		}
	}
	if !changed {
		return ""
	}
	return mended
}

// matched are the words of a hit that the query found, in lower case; and together, those that were found side by side.
func matched(hit Hit) map[string]bool {
	all := make(map[string]bool)
	for _, fragments := range hit.Highlights {
		for _, f := range fragments {
			if !f.Match {
				continue
			}
			parts := words(strings.ReplaceAll(f.Text, `"`, " "))
			for _, word := range parts {
				all[word] = true
			}
			all[strings.Join(parts, "")] = true
		}
	}
	return all
}

// isFound is whether some hit has the word as it was typed.
func isFound(typed string, found map[string]int) bool {
	for word := range found {
		if sameWord(typed, word) {
			return true
		}
	}
	return false
}

// meant is the word that was found instead of the one that was typed.
func meant(typed string, found map[string]int) (better string, ok bool) {
	letters := len([]rune(typed))
	if letters < shortestCorrected || strings.ContainsAny(typed, "0123456789") {
		return "", false
	}
	best := 2
	if letters >= twoErrors {
		best = 3
	}
	for _, word := range slices.Sorted(maps.Keys(found)) {
		changes := errorsBetween(typed, word)
		if changes < best || changes == best && ok && found[word] > found[better] {
			better, best, ok = word, changes, true
		}
	}
	return better, ok && !strings.ContainsAny(better, "0123456789")
}

// errorsBetween is by how many letters two words differ; two that changed places are one error.
func errorsBetween(a, b string) int {
	changes := levenshtein.ComputeDistance(a, b)
	if changes == 2 && slices.Equal(letters(a), letters(b)) {
		return 1
	}
	return changes
}

func letters(word string) []rune { return slices.Sorted(slices.Values([]rune(word))) }

// sameWord is whether a found word is what was typed: that word but for its accents, what it begins, or its singular or
// plural.
func sameWord(typed, found string) bool {
	typed, found = unaccented(typed), unaccented(found)
	return strings.HasPrefix(found, typed) || plural(found, typed) || plural(typed, found)
}

func unaccented(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(word))
}

// plural is whether one word is an English plural of the other.
func plural(many, one string) bool {
	return many == one+"s" || many == one+"es" || strings.HasSuffix(one, "y") && many == strings.TrimSuffix(one, "y")+"ies"
}

// replaceWord replaces a word wherever it stands in the text, in whatever case, and keeps the rest as it is.
func replaceWord(text, word, with string) string {
	var out strings.Builder
	for rest := text; rest != ""; {
		start := strings.IndexFunc(rest, func(r rune) bool { return !notInWord(r) })
		if start < 0 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:start])
		rest = rest[start:]
		end := strings.IndexFunc(rest, notInWord)
		if end < 0 {
			end = len(rest)
		}
		if strings.ToLower(rest[:end]) == word {
			out.WriteString(with)
		} else {
			out.WriteString(rest[:end])
		}
		rest = rest[end:]
	}
	return out.String()
}
