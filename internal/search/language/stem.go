package language

import (
	"slices"
	"strings"
)

// irregular maps plurals that no rule covers to their singular.
var irregular = map[string]string{"knives": "knife", "wives": "wife", "lives": "life", "leaves": "leaf", "loaves": "loaf",
	"halves": "half", "shelves": "shelf", "scarves": "scarf", "wolves": "wolf", "elves": "elf", "calves": "calf", "hooves": "hoof",
	"children": "child", "women": "woman", "men": "man", "mice": "mouse", "geese": "goose", "feet": "foot", "teeth": "tooth"}

var pluralsInEs = []string{"xes", "ches", "shes", "sses", "zzes"}

// Stem removes the plural ending of a word, and nothing else: a search for candles means candle, but a stemmer that
// equates decorating and decoration finds too much. The rules follow Harman 1991, "How effective is suffixing?", plus
// French -eaux and -oux. The result need not be a word, only the same for singular and plural.
func Stem(word string) string {
	switch {
	case irregular[word] != "":
		return irregular[word]
	case len(word) < 4:
		return word
	case strings.HasSuffix(word, "eaux") || strings.HasSuffix(word, "oux"):
		return word[:len(word)-1]
	case !strings.HasSuffix(word, "s"):
		return singular(word)
	case strings.HasSuffix(word, "ss") || strings.HasSuffix(word, "us") || strings.HasSuffix(word, "is"):
		return word
	case slices.ContainsFunc(pluralsInEs, func(ending string) bool { return strings.HasSuffix(word, ending) }):
		return word[:len(word)-2]
	}
	return singular(word[:len(word)-1])
}

// singular normalizes a word without its s: tomatoe and tomato, berrie and berry must be equal, so shoe and cookie lose
// their endings too.
func singular(word string) string {
	switch {
	case irregular[word] != "": // childrens
		return irregular[word]
	case len(word) > 3 && strings.HasSuffix(word, "oe"):
		return word[:len(word)-1]
	case len(word) > 3 && strings.HasSuffix(word, "ie"):
		return word[:len(word)-2] + "y"
	}
	return word
}
