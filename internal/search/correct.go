package search

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"golang.org/x/text/unicode/norm"
)

// A word is corrected only if it has at least shortestCorrected letters; from twoErrors letters on it may have two
// errors.
const (
	shortestCorrected = 4
	twoErrors         = 9
)

// corrected returns the text with apparent typing errors corrected, or "" if there are none. Only the rest of the text,
// without what it claims, was searched for.
func corrected(text, rest string, hits []Hit) string {
	if rest == text {
		return correct(text, hits)
	}
	better := correct(rest, hits)
	if better == "" {
		return ""
	}
	from, to := words(rest), words(better)
	if len(from) != len(to) {
		return "" // a word was corrected to several
	}
	for i := range from {
		if from[i] != to[i] {
			text = replaceWord(text, from[i], to[i])
		}
	}
	return text
}

// correct returns the text with apparent typing errors corrected, or "" if there are none. It uses no dictionary:
// engines match words that are spelled almost like the typed one, and highlight them. If no hit has a word as typed,
// but hits have one that differs by a letter or two, the shopper probably meant that one.
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
	for _, word := range typed { // a typed word that was found is not a correction of another
		delete(others, word)
	}
	corrected := text
	for _, word := range typed {
		if better, ok := meant(word, others); ok && !isFound(word, found) {
			corrected = replaceWord(corrected, word, better)
		}
	}
	if corrected == text {
		return ""
	}
	return corrected
}

// matched returns the highlighted words of a hit in lower case, and adjacent ones also joined.
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

// isFound reports whether some hit has the word as typed.
func isFound(typed string, found map[string]int) bool {
	for word := range found {
		if sameWord(typed, word) {
			return true
		}
	}
	return false
}

// meant returns the found word that was most likely meant by the typed one; ok is false if none is close enough.
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

// errorsBetween returns the number of typing errors between two words; two swapped letters are one error.
func errorsBetween(a, b string) int {
	changes := levenshtein.ComputeDistance(a, b)
	if changes == 2 && slices.Equal(letters(a), letters(b)) {
		return 1
	}
	return changes
}

func letters(word string) []rune { return slices.Sorted(slices.Values([]rune(word))) }

// sameWord reports whether the found word counts as the typed one: equal but for accents, a completion of it, or its
// singular or plural.
func sameWord(typed, found string) bool {
	typed, found = unaccented(typed), unaccented(found)
	return strings.HasPrefix(found, typed) || plural(found, typed) || plural(typed, found)
}

func unaccented(word string) string {
	return strings.Map(func(r rune) rune {
		if isAccent(r) {
			return -1
		}
		return r
	}, norm.NFD.String(word))
}

func isAccent(r rune) bool { return unicode.Is(unicode.Mn, r) }

// plural reports whether one word is an English plural of the other.
func plural(many, one string) bool {
	return many == one+"s" || many == one+"es" || strings.HasSuffix(one, "y") && many == strings.TrimSuffix(one, "y")+"ies"
}

// replaceWord replaces a word wherever it stands in the text, ignoring case, and keeps everything else.
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
