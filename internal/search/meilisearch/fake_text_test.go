package meilisearch

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// This file is how the fake finds words: Meilisearch's rules as far as a test can tell them apart. It knows words, the rank of
// attributes, synonyms, phrases, and words written together or apart. It knows no typing errors, which are turned off.

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

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.IsSymbol(r) && r > unicode.MaxLatin1
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
	rank  int    // of the least telling of the attributes
	words int    // how many count under the matching strategy
}

// score is the words, then the attributes, in one number.
func (m match) score(terms []term) float64 {
	if len(terms) == 0 {
		return 1
	}
	all := 0
	for _, t := range terms {
		all += len(t.words)
	}
	rest := 1 - float64(m.rank)/64
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
	m := match{terms: make([]bool, len(terms)), sizes: make([]int, len(terms))}
	fields := x.words(d)
	for i, t := range terms {
		m.sizes[i] = len(t.words)
		if rank, ok := x.find(fields, t); ok {
			m.terms[i], m.rank = true, max(m.rank, rank)
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
			if len(words) == size && x.findTogether(fields, words) {
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

// find looks for a term in the first attribute that has it.
func (x *fakeIndex) find(fields [][][]string, t term) (rank int, ok bool) {
	for field, values := range fields {
		if slices.ContainsFunc(values, func(words []string) bool { return x.has(words, t) }) {
			return field, true
		}
	}
	return 0, false
}

// has reports whether a value has a term: itself, beginning with it, in two words, or a synonym.
func (x *fakeIndex) has(words []string, t term) bool {
	if t.phrase {
		return hasRun(words, t.words)
	}
	word := t.words[0]
	for i, w := range words {
		if w == word || t.prefix && strings.HasPrefix(w, word) || i+1 < len(words) && w+words[i+1] == word {
			return true
		}
	}
	return slices.ContainsFunc(x.synonymsOf([]string{word}), func(synonym []string) bool { return hasRun(words, synonym) })
}

// findTogether looks for words that are typed apart and written together, and for their synonyms.
func (x *fakeIndex) findTogether(fields [][][]string, typed []string) bool {
	for field, values := range fields {
		for _, words := range values {
			together := slices.Contains(words, strings.Join(typed, "")) && x.settings.SearchableAttributes[field] != "codes"
			if together || slices.ContainsFunc(x.synonymsOf(typed), func(synonym []string) bool { return hasRun(words, synonym) }) {
				return true
			}
		}
	}
	return false
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
func hasRun(words, run []string) bool {
	for i := 0; i+len(run) <= len(words); i++ {
		if slices.Equal(words[i:i+len(run)], run) {
			return true
		}
	}
	return false
}
