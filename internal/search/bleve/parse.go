package bleve

import (
	"strings"

	"meridian/internal/search"
)

// A plan is what a text asks of documents: concepts, each a word of the text with everything that counts as it.
type plan struct {
	concepts []concept
	phrases  []phrase
}

// A concept is one word of the text. It is found where one of its alternatives is.
type concept struct {
	word         token
	alternatives []alternative
	required     bool // it is part of a phrase
	rarity       float64
}

// An alternative is a term that stands for a concept, or for several: iks1620 is both iks and 1620.
type alternative struct {
	field, term string
	also        string // a second term of the field that must be there too; empty is none
	synonym     bool   // it is not what was typed
	weight      float32
}

// A phrase is words that must follow each other, by their stems.
type phrase []string

// The weights of alternatives, against the word itself.
const (
	weightSame     = 1
	weightPair     = 1.1 // two words of the text, next to each other in the document too
	weightJoined   = 0.95
	weightSynonym  = 0.8
	weightBegins   = 0.85
	weightModel    = 0.7
	weightOneTypo  = 0.7
	weightTwoTypos = 0.5
	weightCode     = 2
)

// newPlan makes the concepts of a text, with the alternatives that need no look at the index.
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
		p.concepts = append(p.concepts, concept{word: t, required: true, alternatives: []alternative{{field: fieldWords, term: t.stem, weight: weightSame}}})
	}
	if len(words) > 1 {
		p.phrases = append(p.phrases, words)
	}
}

// addWords adds the words of a part without quotes. Those that say nothing are left out if others are there.
func (p *plan) addWords(tokens []token, synonyms *synonyms, prefix bool) {
	if len(tokens) > search.MaxTerms {
		tokens = tokens[:search.MaxTerms]
	}
	concepts := make([]concept, len(tokens))
	for i, t := range tokens {
		concepts[i] = concept{word: t}
		if prefix && i == len(tokens)-1 && !t.digits {
			concepts[i].add(alternative{field: fieldWords, term: stem(t.text + "s"), weight: weightSame}) // boxe, on the way to boxes
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

// maxSpan is how many words of a text may be one word of a document, or one code.
const maxSpan = 4

// addSpan gives neighbouring words of a text what stands for all of them together; with a part of its weight where the
// words are not as they were typed.
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

// addCode lets neighbouring words of a text be a code.
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

// add adds an alternative; of the same twice, the one that weighs more.
func (c *concept) add(a alternative) {
	for i := range c.alternatives {
		if known := &c.alternatives[i]; known.term == a.term && known.field == a.field && known.also == a.also {
			known.weight = max(known.weight, a.weight)
			return
		}
	}
	c.alternatives = append(c.alternatives, a)
}
