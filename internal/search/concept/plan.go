package concept

import (
	"slices"
	"strings"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// A Plan is a parsed search text: one concept per word, and its phrases.
type Plan struct {
	Concepts []Concept
	Phrases  []Phrase // those of several words
	quoted   int
}

// A Concept is a word of the text with its alternatives. A document has the concept if it has one of them.
type Concept struct {
	Word         language.Token
	Alternatives []Alternative
	// Quoted is the number of the phrase that the word is part of, from 1; 0 for none. Words of phrases are required.
	Quoted int
	// Meant are the words that may have been meant by one that the index does not have, the likeliest first: other forms of
	// a model number, and corrections of typing errors. Plan.Expand sets it.
	Meant []language.Token
	stop  bool // a stop word
}

// An Alternative is a term that stands for a concept, or for several: iks1620 is both iks and 1620.
type Alternative struct {
	Field   Field
	Term    string
	Also    string // a second term that is required too; empty for none
	Synonym bool   // not what was typed
	// Weight is that of a match, relative to the word itself; at most MaxWeight.
	Weight float32
}

// A Phrase is a sequence of stems that must follow each other.
type Phrase []string

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
	MaxWeight      = weightCode
	weightCode     = 2
)

// NewPlan returns the concepts of a text, with the alternatives that do not depend on the index.
func NewPlan(q search.Query, words language.Vocabulary) Plan {
	var p Plan
	parts := strings.Split(q.Text, `"`)
	for i, part := range parts {
		tokens := language.Tokenize(part)
		if i%2 == 1 && i < len(parts)-1 {
			p.addPhrase(tokens)
		} else {
			p.addWords(words.Apart(tokens), words, q.Prefix && i == len(parts)-1)
		}
	}
	p.dropStops()
	if len(p.Concepts) > search.MaxTerms {
		p.Concepts = p.Concepts[:search.MaxTerms]
	}
	return p
}

// dropStops drops the stop words, unless there are no other words.
func (p *Plan) dropStops() {
	if slices.ContainsFunc(p.Concepts, func(c Concept) bool { return !c.stop }) {
		p.Concepts = slices.DeleteFunc(p.Concepts, func(c Concept) bool { return c.stop })
	}
}

func (p *Plan) addPhrase(tokens []language.Token) {
	var words Phrase
	p.quoted++
	for _, t := range tokens {
		words = append(words, t.Stem)
		same := Alternative{Field: Words, Term: t.Stem, Weight: weightSame}
		p.Concepts = append(p.Concepts, Concept{Word: t, Quoted: p.quoted, Alternatives: []Alternative{same}})
	}
	if len(words) > 1 {
		p.Phrases = append(p.Phrases, words)
	}
}

// addWords adds the words of an unquoted part.
func (p *Plan) addWords(tokens []language.Token, words language.Vocabulary, prefix bool) {
	tokens = tokens[:min(len(tokens), search.MaxTerms)]
	concepts := make([]Concept, len(tokens))
	for i, t := range tokens {
		last := prefix && i == len(tokens)-1
		concepts[i] = Concept{Word: t, stop: words.Stops(t) && !last}
		if last && !t.Digits {
			concepts[i].add(Alternative{Field: Words, Term: language.Stem(t.Text + "s"), Weight: weightSame}) // boxe, a prefix of boxes
		}
	}
	for from := range tokens {
		for to := from + 1; to <= len(tokens) && to-from <= maxSpan; to++ {
			addSpan(concepts[from:to], tokens[from:to], words, 1)
			addCode(concepts[from:to])
		}
		if to := from + gluedTo(tokens[from:]); to-from > maxSpan {
			addCode(concepts[from:to])
		}
	}
	p.Concepts = append(p.Concepts, concepts...)
}

// gluedTo returns the number of words up to the first white space.
func gluedTo(tokens []language.Token) int {
	for i := 1; i < len(tokens); i++ {
		if !tokens[i].Glued {
			return i
		}
	}
	return len(tokens)
}

// maxSpan is the number of words of a text that may be one word or one code of a document.
const maxSpan = 4

// addSpan adds the alternatives of neighbouring words taken together. Their weight is multiplied by part, which is
// below 1 if the words are corrections.
func addSpan(concepts []Concept, tokens []language.Token, words language.Vocabulary, part float32) {
	add := func(a Alternative) {
		a.Weight *= part
		for i := range concepts {
			concepts[i].add(a)
		}
	}
	together := language.Joined(tokens)
	switch len(tokens) {
	case 1:
		add(Alternative{Field: Words, Term: tokens[0].Stem, Weight: weightSame})
		if whole := tokens[0].Whole; whole != "" {
			add(Alternative{Field: Words, Term: whole, Weight: weightSame})
		}
		for _, lemma := range words.Lemmas(tokens[0]) {
			add(Alternative{Field: Words, Term: lemma, Weight: weightForm})
		}
		add(Alternative{Field: Pairs, Term: together, Weight: weightJoined})
	case 2:
		add(Alternative{Field: Pairs, Term: together, Weight: weightPair})
		add(Alternative{Field: Words, Term: together, Weight: weightJoined})
	default:
		add(Alternative{Field: Words, Term: together, Weight: weightJoined})
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
func alternativeOf(synonym language.Synonym) Alternative {
	weight := weightSynonym * (1 - rankCounts*float32(min(synonym.Rank, lastRank)))
	a, tokens := Alternative{Field: Pairs, Weight: weight, Synonym: true}, synonym.Tokens
	switch len(tokens) {
	case 1:
		a.Field, a.Term = Words, tokens[0].Stem
	case 2:
		a.Term = language.Joined(tokens)
	default:
		a.Term, a.Also = language.Joined(tokens[:2]), language.Joined(tokens[1:])
	}
	return a
}

// addCode adds neighbouring words as a code.
func addCode(concepts []Concept) {
	a := Alternative{Field: Codes, Term: CodeOf(concepts), Weight: weightCode}
	for i := range concepts {
		concepts[i].add(a)
	}
}

// CodeOf returns the code that neighbouring words of a text form, if they form one.
func CodeOf(concepts []Concept) string {
	var written strings.Builder
	for _, c := range concepts {
		written.WriteString(c.Word.Text)
	}
	return strings.ReplaceAll(written.String(), ".", "")
}

// add adds an alternative. Of two equal ones it keeps the greater weight.
func (c *Concept) add(a Alternative) {
	for i := range c.Alternatives {
		if known := &c.Alternatives[i]; known.Term == a.Term && known.Field == a.Field && known.Also == a.Also {
			known.Weight = max(known.Weight, a.Weight)
			return
		}
	}
	c.Alternatives = append(c.Alternatives, a)
}
