package meilisearch

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// This file is how the fake finds words: Meilisearch's rules as far as a test can tell them apart. It knows words, typing
// errors, the rank of attributes, synonyms, phrases, and words written together or apart.

type fakeToken struct {
	folded     string
	start, end int
}

// fakeTokens cuts where there is no letter or digit, and before a capital behind a small letter.
func fakeTokens(text string) []fakeToken {
	var all []fakeToken
	start, previous := -1, rune(0)
	end := func(at int) {
		if start >= 0 {
			all = append(all, fakeToken{fold(text[start:at]), start, at})
		}
		start = -1
	}
	for i, r := range text {
		switch {
		case !isWordRune(r):
			end(i)
		case unicode.IsUpper(r) && unicode.IsLower(previous):
			end(i)
			start = i
		case start < 0:
			start = i
		}
		previous = r
	}
	end(len(text))
	return all
}

func fold(word string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(word)))
}

func foldedWords(text string) []string {
	var words []string
	for _, token := range fakeTokens(text) {
		words = append(words, token.folded)
	}
	return words
}

// A term is a word of a query, or a phrase.
type term struct {
	words          []string
	phrase, prefix bool
}

// parseTerms reads a query: quotes make phrases, and the last word is a prefix if nothing is behind it.
func parseTerms(q string) []term {
	var terms []term
	for i, text := range strings.Split(q, `"`) {
		words := foldedWords(text)
		if i%2 == 1 && len(words) > 0 {
			terms = append(terms, term{words: words, phrase: true})
		} else {
			for j, token := range fakeTokens(text) {
				if token.start > 0 && text[token.start-1] == '-' && (token.start == 1 || text[token.start-2] == ' ') {
					panic("a query with an operator: " + q)
				}
				last := j == len(words)-1 && token.end == len(text) && i == strings.Count(q, `"`)
				terms = append(terms, term{words: []string{token.folded}, prefix: last})
			}
		}
	}
	return terms[:min(len(terms), 10)]
}

// match is how a document fits terms.
type match struct {
	terms []bool // which are there
	sizes []int  // how many words each term has
	typos int
	rank  int            // of the least telling of the attributes
	words int            // how many count under the matching strategy
	found map[string]int // the words of the document that were matched, with the number of letters that were
}

// score is the words, then the typing errors, then the attributes, in one number.
func (m match) score(terms []term) float64 {
	if len(terms) == 0 {
		return 1
	}
	all := 0
	for _, t := range terms {
		all += len(t.words)
	}
	rest := (1 - float64(m.typos)/21) - float64(m.rank)/(21*64)
	return (float64(m.words) - 1 + max(rest, 1e-6)) / float64(all)
}

// removalOrder are the groups of terms that may be missing, the first of them first.
func removalOrder(terms []term, matches []match, strategy string) [][]int {
	var optional []int
	mandatory := false
	for i, t := range terms {
		if mandatory = mandatory || t.phrase; !t.phrase {
			optional = append(optional, i)
		}
	}
	key := func(i int) int { return -i } // the last first
	if strategy == "frequency" {
		key = func(i int) int {
			n := 0
			for _, m := range matches {
				if m.terms[i] {
					n++
				}
			}
			if n == 0 {
				return -1 << 30 // what nobody has is dropped first
			}
			return -n
		}
	}
	slices.SortStableFunc(optional, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
	var groups [][]int
	for i, o := range optional {
		if i > 0 && key(o) == key(optional[i-1]) {
			groups[len(groups)-1] = append(groups[len(groups)-1], o)
		} else {
			groups = append(groups, []int{o})
		}
	}
	switch {
	case strategy == "all":
		return nil
	case !mandatory && len(groups) > 0:
		return groups[:len(groups)-1]
	}
	return groups
}

// kept is how many words a document has of those that are left when groups are dropped until it fits; 0 is never.
func (m match) kept(groups [][]int) int {
	dropped := make(map[int]bool)
	for drop := 0; ; drop++ {
		words, fits := 0, true
		for i, there := range m.terms {
			if !dropped[i] {
				fits = fits && there
				words += m.sizes[i]
			}
		}
		if fits {
			return words
		}
		if drop == len(groups) {
			return 0
		}
		for _, i := range groups[drop] {
			dropped[i] = true
		}
	}
}

// match looks for every term, alone and as a part of words written together or of longer synonyms.
func (x *fakeIndex) match(d map[string]any, terms []term) match {
	m := match{terms: make([]bool, len(terms)), sizes: make([]int, len(terms)), found: make(map[string]int)}
	fields := x.words(d)
	for i, t := range terms {
		m.sizes[i] = len(t.words)
		if typos, rank, ok := x.find(fields, t, m.found); ok {
			m.terms[i] = true
			m.typos, m.rank = m.typos+typos, max(m.rank, rank)
		}
	}
	for size := 2; size <= 3; size++ {
		for i := 0; i+size <= len(terms); i++ {
			var words []string
			for _, t := range terms[i : i+size] {
				if t.phrase {
					words = nil
					break
				}
				words = append(words, t.words...)
			}
			if len(words) == size && x.findTogether(fields, words, m.found) {
				for j := range size {
					m.terms[i+j] = true
				}
			}
		}
	}
	return m
}

// words are the words of each searchable attribute, its values apart.
func (x *fakeIndex) words(d map[string]any) [][][]string {
	id := d["id"].(string)
	if fields, known := x.cut[id]; known {
		return fields
	}
	var fields [][][]string
	for _, attribute := range x.settings.SearchableAttributes {
		var values [][]string
		for _, value := range valuesOf(d, attribute) {
			if text, ok := value.(string); ok {
				values = append(values, foldedWords(text))
			}
		}
		fields = append(fields, values)
	}
	x.cut[id] = fields
	return fields
}

// find looks for a term: in the first attribute that has it as it is, else with typing errors.
func (x *fakeIndex) find(fields [][][]string, t term, found map[string]int) (typos, rank int, ok bool) {
	best := 99
	for field, values := range fields {
		for _, words := range values {
			if c, here := x.findIn(words, t, slices.Contains(x.settings.TypoTolerance.DisableOnAttributes, x.settings.SearchableAttributes[field]),
				found); here && c < best {
				best, rank = c, field
			}
		}
	}
	return best, rank, best < 99
}

// findIn is how many typing errors a term is from being in a value.
func (x *fakeIndex) findIn(words []string, t term, exact bool, found map[string]int) (int, bool) {
	if t.phrase {
		return 0, hasRun(words, t.words, found)
	}
	word, best := t.words[0], 99
	for i, w := range words {
		cost := 99
		switch {
		case w == word, t.prefix && strings.HasPrefix(w, word):
			cost = 0
		case !exact && len(w) > 0 && w[0] == word[0] && !isNumber(word):
			if distance := editDistance(word, w); distance <= allowed(word) {
				cost = distance
			}
		}
		if cost < 99 {
			found[w] = len([]rune(w))
			if t.prefix && strings.HasPrefix(w, word) {
				found[w] = len([]rune(word))
			}
		}
		if i+1 < len(words) && w+words[i+1] == word {
			found[w], found[words[i+1]] = len(w), len(words[i+1])
			cost = min(cost, 1)
		}
		best = min(best, cost)
	}
	for _, synonym := range x.synonymsOf([]string{word}) {
		if hasRun(words, synonym, found) {
			best = 0
		}
	}
	return best, best < 99
}

// findTogether looks for words that are typed apart and written together, and for their synonyms.
func (x *fakeIndex) findTogether(fields [][][]string, typed []string, found map[string]int) bool {
	ok := false
	for field, values := range fields {
		for _, words := range values {
			for _, synonym := range x.synonymsOf(typed) {
				ok = hasRun(words, synonym, found) || ok
			}
			together := strings.Join(typed, "")
			if slices.Contains(words, together) && x.settings.SearchableAttributes[field] != "codes" {
				found[together], ok = len(together), true
			}
		}
	}
	return ok
}

func (x *fakeIndex) synonymsOf(typed []string) [][]string {
	return x.synonyms[strings.Join(typed, " ")]
}

// readSynonyms keeps the synonyms by the words that are typed.
func (x *fakeIndex) readSynonyms() {
	x.synonyms = make(map[string][][]string)
	for from, all := range x.settings.Synonyms {
		key := strings.Join(foldedWords(from), " ")
		for _, to := range all {
			x.synonyms[key] = append(x.synonyms[key], foldedWords(to))
		}
	}
}

// hasRun reports whether words are beside each other in others.
func hasRun(words, run []string, found map[string]int) bool {
	for i := 0; i+len(run) <= len(words); i++ {
		if slices.Equal(words[i:i+len(run)], run) {
			for _, w := range run {
				found[w] = len(w)
			}
			return true
		}
	}
	return false
}

func allowed(word string) int {
	switch n := len([]rune(word)); {
	case n >= 9:
		return 2
	case n >= 5:
		return 1
	}
	return 0
}

func isNumber(word string) bool { return strings.Trim(word, "0123456789") == "" }

// editDistance counts letters put in, left out, changed, or swapped with the next.
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	d := make([][]int, len(s)+1)
	for i := range d {
		d[i] = make([]int, len(t)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			default:
				change := d[i-1][j-1]
				if s[i-1] != t[j-1] {
					change++
				}
				d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, change)
				if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
	}
	return d[len(s)][len(t)]
}
