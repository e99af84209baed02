package search

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Words shorter than this are not taken for typing errors, and no more changes than this are.
const (
	shortestCorrected = 4
	mostChanges       = 2
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
	mended, changed := text, false
	for _, word := range words(text) {
		if better, ok := meant(word, found); ok {
			mended = replaceWord(mended, word, better)
			changed = true
		}
	}
	if !changed {
		return ""
	}
	return mended
}

// matched are the words of a hit that the query found, in lower case.
func matched(hit Hit) map[string]bool {
	all := make(map[string]bool)
	for _, fragments := range hit.Highlights {
		for _, f := range fragments {
			if f.Match {
				for _, word := range words(strings.ReplaceAll(f.Text, `"`, " ")) {
					all[word] = true
				}
			}
		}
	}
	return all
}

// meant is the word that was found instead of the one that was typed.
func meant(typed string, found map[string]int) (better string, ok bool) {
	if len([]rune(typed)) < shortestCorrected || strings.ContainsAny(typed, "0123456789") {
		return "", false
	}
	best := mostChanges + 1
	for _, word := range sortedKeys(found) {
		if sameWord(typed, word) {
			return "", false
		}
		changes := levenshtein.ComputeDistance(typed, word)
		if changes < best || changes == best && ok && found[word] > found[better] {
			better, best, ok = word, changes, true
		}
	}
	return better, ok && !strings.ContainsAny(better, "0123456789")
}

// sameWord is whether a found word is what was typed: that word, what it begins, or its singular or plural.
func sameWord(typed, found string) bool {
	return strings.HasPrefix(found, typed) || plural(found, typed) || plural(typed, found)
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

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
