package bleve

import (
	"strings"

	"meridian/internal/search"
)

// A plan is a parsed search text: one concept per word, and its phrases.
type plan struct {
	concepts []concept
	phrases  []phrase
}

// A concept is a word of the text with its alternatives. A document has the concept if it has one of them.
type concept struct {
	word         token
	alternatives []alternative
	required     bool // part of a phrase
	rarity       float64
}

// An alternative is a term that stands for a concept, or for several: iks1620 is both iks and 1620.
type alternative struct {
	field, term string
	also        string // a second term that is required too; empty for none
	synonym     bool   // not what was typed
	weight      float32
}

// A phrase is a sequence of stems that must follow each other.
type phrase []string

// The weights of alternatives, relative to the word itself.
const (
	weightSame     = 1
	weightPair     = 1.1 // neighbouring words of the text that are neighbours in the document
	weightJoined   = 0.95
	weightSynonym  = 0.8
	weightBegins   = 0.85
	weightModel    = 0.7
	weightOneTypo  = 0.7
	weightTwoTypos = 0.5
	weightCode     = 2
)

// newPlan returns the concepts of a text, with the alternatives that do not depend on the index.
func newPlan(q search.Query, synonyms *synonyms) plan {
	var p plan
	parts := strings.Split(q.Text, `"`)
	for i, part := range parts {
		tokens := tokenize(part)
		if i%2 == 1 && i < len(parts)-1 {
			p.addPhrase(tokens)
		} else {
			p.addWords(tokens, synonyms, q.Prefix && i == len(parts)-1)
		}
	}
	if len(p.concepts) > search.MaxTerms {
		p.concepts = p.concepts[:search.MaxTerms]
	}
	return p
}

func (p *plan) addPhrase(tokens []token) {
	var words phrase
	for _, t := range tokens {
		words = append(words, t.stem)
		same := alternative{field: fieldWords, term: t.stem, weight: weightSame}
		p.concepts = append(p.concepts, concept{word: t, required: true, alternatives: []alternative{same}})
	}
	if len(words) > 1 {
		p.phrases = append(p.phrases, words)
	}
}

// addWords adds the words of an unquoted part. Stop words are dropped if there are others.
func (p *plan) addWords(tokens []token, synonyms *synonyms, prefix bool) {
	if len(tokens) > search.MaxTerms {
		tokens = tokens[:search.MaxTerms]
	}
	concepts := make([]concept, len(tokens))
	for i, t := range tokens {
		concepts[i] = concept{word: t}
		if prefix && i == len(tokens)-1 && !t.digits {
			concepts[i].add(alternative{field: fieldWords, term: stem(t.text + "s"), weight: weightSame}) // boxe, a prefix of boxes
		}
	}
	for from := range tokens {
		for to := from + 1; to <= len(tokens) && to-from <= maxSpan; to++ {
			addSpan(concepts[from:to], tokens[from:to], synonyms, 1)
			addCode(concepts[from:to], tokens[from:to])
		}
	}
	for i, t := range tokens {
		if !synonyms.stops(t.text) || prefix && i == len(tokens)-1 {
			p.concepts = append(p.concepts, concepts[i])
		}
	}
	if len(p.concepts) == 0 {
		p.concepts = concepts
	}
}

// maxSpan is the number of words of a text that may be one word or one code of a document.
const maxSpan = 4

// addSpan adds the alternatives of neighbouring words taken together. Their weight is multiplied by part, which is
// below 1 if the words are corrections.
func addSpan(concepts []concept, tokens []token, synonyms *synonyms, part float32) {
	add := func(a alternative) {
		a.weight *= part
		for i := range concepts {
			concepts[i].add(a)
		}
	}
	together := joined(tokens)
	switch len(tokens) {
	case 1:
		add(alternative{field: fieldWords, term: tokens[0].stem, weight: weightSame})
		add(alternative{field: fieldPairs, term: together, weight: weightJoined})
	case 2:
		add(alternative{field: fieldPairs, term: together, weight: weightPair})
		add(alternative{field: fieldWords, term: together, weight: weightJoined})
	default:
		add(alternative{field: fieldWords, term: together, weight: weightJoined})
	}
	for _, a := range synonyms.of(tokens) {
		add(a)
	}
}

// addCode adds neighbouring words as a code.
func addCode(concepts []concept, tokens []token) {
	var written strings.Builder
	for _, t := range tokens {
		written.WriteString(t.text)
	}
	a := alternative{field: fieldCodes, term: strings.ReplaceAll(written.String(), ".", ""), weight: weightCode}
	for i := range concepts {
		concepts[i].add(a)
	}
}

// add adds an alternative. Of two equal ones it keeps the greater weight.
func (c *concept) add(a alternative) {
	for i := range c.alternatives {
		if known := &c.alternatives[i]; known.term == a.term && known.field == a.field && known.also == a.also {
			known.weight = max(known.weight, a.weight)
			return
		}
	}
	c.alternatives = append(c.alternatives, a)
}
