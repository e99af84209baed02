package bleve

import (
	"strings"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// A plan is a parsed search text: one concept per word, and its phrases.
type plan struct {
	concepts []concept
	phrases  []phrase
}

// A concept is a word of the text with its alternatives. A document has the concept if it has one of them.
type concept struct {
	word         language.Token
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
	weightForm     = 0.95 // another form of the word
	weightSynonym  = 0.8
	weightBegins   = 0.85
	weightModel    = 0.7
	weightOneTypo  = 0.7
	weightTwoTypos = 0.5
	weightCode     = 2
)

// newPlan returns the concepts of a text, with the alternatives that do not depend on the index.
func newPlan(q search.Query, words language.Vocabulary) plan {
	var p plan
	parts := strings.Split(q.Text, `"`)
	for i, part := range parts {
		tokens := language.Tokenize(part)
		if i%2 == 1 && i < len(parts)-1 {
			p.addPhrase(tokens)
		} else {
			p.addWords(words.Apart(tokens), words, q.Prefix && i == len(parts)-1)
		}
	}
	if len(p.concepts) > search.MaxTerms {
		p.concepts = p.concepts[:search.MaxTerms]
	}
	return p
}

func (p *plan) addPhrase(tokens []language.Token) {
	var words phrase
	for _, t := range tokens {
		words = append(words, t.Stem)
		same := alternative{field: fieldWords, term: t.Stem, weight: weightSame}
		p.concepts = append(p.concepts, concept{word: t, required: true, alternatives: []alternative{same}})
	}
	if len(words) > 1 {
		p.phrases = append(p.phrases, words)
	}
}

// addWords adds the words of an unquoted part. Stop words are dropped if there are others.
func (p *plan) addWords(tokens []language.Token, words language.Vocabulary, prefix bool) {
	if len(tokens) > search.MaxTerms {
		tokens = tokens[:search.MaxTerms]
	}
	concepts := make([]concept, len(tokens))
	for i, t := range tokens {
		concepts[i] = concept{word: t}
		if prefix && i == len(tokens)-1 && !t.Digits {
			concepts[i].add(alternative{field: fieldWords, term: language.Stem(t.Text + "s"), weight: weightSame}) // boxe, a prefix of boxes
		}
	}
	for from := range tokens {
		for to := from + 1; to <= len(tokens) && to-from <= maxSpan; to++ {
			addSpan(concepts[from:to], tokens[from:to], words, 1)
			addCode(concepts[from:to], tokens[from:to])
		}
	}
	for i, t := range tokens {
		if !words.Stops(t) || prefix && i == len(tokens)-1 {
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
func addSpan(concepts []concept, tokens []language.Token, words language.Vocabulary, part float32) {
	add := func(a alternative) {
		a.weight *= part
		for i := range concepts {
			concepts[i].add(a)
		}
	}
	together := language.Joined(tokens)
	switch len(tokens) {
	case 1:
		add(alternative{field: fieldWords, term: tokens[0].Stem, weight: weightSame})
		if whole := tokens[0].Whole; whole != "" {
			add(alternative{field: fieldWords, term: whole, weight: weightSame})
		}
		for _, lemma := range words.Lemmas(tokens[0]) {
			add(alternative{field: fieldWords, term: lemma, weight: weightForm})
		}
		add(alternative{field: fieldPairs, term: together, weight: weightJoined})
	case 2:
		add(alternative{field: fieldPairs, term: together, weight: weightPair})
		add(alternative{field: fieldWords, term: together, weight: weightJoined})
	default:
		add(alternative{field: fieldWords, term: together, weight: weightJoined})
	}
	for _, synonym := range words.Synonyms(tokens) {
		add(alternativeOf(synonym))
	}
}

// The weight of a synonym falls by rankCounts with each rank, down to that of lastRank.
const (
	rankCounts = 0.08
	lastRank   = 3
)

// alternativeOf returns the alternative that stands for a synonym of one to three words.
func alternativeOf(synonym language.Synonym) alternative {
	weight := weightSynonym * (1 - rankCounts*float32(min(synonym.Rank, lastRank)))
	a, tokens := alternative{field: fieldPairs, weight: weight, synonym: true}, synonym.Tokens
	switch len(tokens) {
	case 1:
		a.field, a.term = fieldWords, tokens[0].Stem
	case 2:
		a.term = language.Joined(tokens)
	default:
		a.term, a.also = language.Joined(tokens[:2]), language.Joined(tokens[1:])
	}
	return a
}

// addCode adds neighbouring words as a code.
func addCode(concepts []concept, tokens []language.Token) {
	var written strings.Builder
	for _, t := range tokens {
		written.WriteString(t.Text)
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
