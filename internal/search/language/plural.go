package language

import (
	"slices"
	"strings"
)

// Numbers returns the plural and the singular forms of an English word or of the last of several, without the text
// itself. Some may be no words.
func Numbers(text string) []string {
	before, last := "", text
	if i := strings.LastIndexByte(text, ' '); i >= 0 {
		before, last = text[:i+1], text[i+1:]
	}
	var all []string
	add := func(word string) {
		if word != last && word != "" && !slices.Contains(all, before+word) {
			all = append(all, before+word)
		}
	}
	for plural, singular := range irregular {
		if plural == last {
			add(singular)
		}
		if singular == last {
			add(plural)
		}
	}
	if len(all) > 0 || strings.ContainsAny(last, "0123456789") {
		return all
	}
	switch {
	case strings.HasSuffix(last, "ies"):
		add(strings.TrimSuffix(last, "s"))
		add(strings.TrimSuffix(last, "ies") + "y")
	case strings.HasSuffix(last, "ss") || strings.HasSuffix(last, "us") || strings.HasSuffix(last, "is"):
		add(last + "es")
	case strings.HasSuffix(last, "s"):
		add(strings.TrimSuffix(last, "s"))
		if slices.ContainsFunc(slices.Concat(pluralsInEs, []string{"oes"}), func(ending string) bool { return strings.HasSuffix(last, ending) }) {
			add(strings.TrimSuffix(last, "es"))
		}
	case strings.HasSuffix(last, "y") && !slices.Contains([]string{"ay", "ey", "oy", "uy"}, last[max(0, len(last)-2):]):
		add(strings.TrimSuffix(last, "y") + "ies")
	case slices.ContainsFunc([]string{"x", "ch", "sh", "z"}, func(ending string) bool { return strings.HasSuffix(last, ending) }):
		add(last + "es")
	default:
		add(last + "s")
	}
	return all
}

// Irregular returns the plurals that no rule covers with their singulars. Callers must not change them.
func Irregular() map[string]string { return irregular }
