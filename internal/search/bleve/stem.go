package bleve

import "strings"

// irregular are the plurals of things that shops sell which no rule makes singular.
var irregular = map[string]string{"knives": "knife", "wives": "wife", "lives": "life", "leaves": "leaf", "loaves": "loaf",
	"halves": "half", "shelves": "shelf", "scarves": "scarf", "wolves": "wolf", "elves": "elf", "calves": "calf", "hooves": "hoof",
	"children": "child", "women": "woman", "men": "man", "mice": "mouse", "geese": "goose", "feet": "foot", "teeth": "tooth"}

// stem takes the plural off a word, and nothing else: who looks for candles means a candle, but decorating is not a
// decoration, and a stemmer that says so finds too much (Harman 1991, "How effective is suffixing?", whose rules these
// are, with French -eaux and -oux). It need not yield a word, only the same for one and for many.
func stem(word string) string {
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
	case endsInAny(word, "xes", "ches", "shes", "sses", "zzes"):
		return word[:len(word)-2]
	}
	return singular(word[:len(word)-1])
}

// singular is what is left of a word whose s is gone, or that never had one: tomatoe and tomato, berrie and berry have to
// be the same, so shoe and cookie lose their ends too.
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

func endsInAny(word string, endings ...string) bool {
	for _, ending := range endings {
		if strings.HasSuffix(word, ending) {
			return true
		}
	}
	return false
}
