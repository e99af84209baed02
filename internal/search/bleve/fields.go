package bleve

import (
	"github.com/blevesearch/bleve/v2/document"
	indexapi "github.com/blevesearch/bleve_index_api"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// The fields of an index. All texts of a document are one field, so that a word is looked up once: its frequency there is
// the sum of the weights of its occurrences, which is how BM25F combines fields (Robertson, Zaragoza
// and Taylor 2004, "Simple BM25 extension to multiple weighted fields").
const (
	fieldWords = "words" // the stems
	fieldPairs = "pairs" // two neighbouring words joined
	fieldCodes = "codes"
	fieldStore = "record"
)

// The weights of a match in a document's texts.
const (
	weightTitle       = 16
	weightBrand       = 10
	weightCategory    = 6
	weightAttribute   = 3
	weightDescription = 1
)

// fieldGap separates the positions of two texts, so that no phrase spans both.
const fieldGap = 100

// libraryDocument returns the library's form of a document.
func libraryDocument(d search.Document) *document.Document {
	a := newAnalysis()
	length := a.text(d.Title, weightTitle, true)
	a.text(d.Brand, weightBrand, true)
	for _, name := range d.CategoryNames {
		a.text(name, weightCategory, true)
	}
	for name, values := range d.Attributes {
		for _, value := range values {
			a.text(value, weightAttribute, true)
		}
		a.text(name, weightDescription, false)
	}
	a.text(d.Description, weightDescription, false)
	for _, c := range d.Codes {
		if c = language.Code(c); c != "" {
			a.codes.add(c, 1, 0)
		}
	}
	doc := document.NewDocument(d.ID.String())
	doc.AddField(&field{name: fieldWords, options: indexapi.IndexField | indexapi.IncludeTermVectors, terms: a.words})
	doc.AddField(&field{name: fieldPairs, options: indexapi.IndexField, terms: a.pairs})
	doc.AddField(&field{name: fieldCodes, options: indexapi.IndexField, terms: a.codes})
	doc.AddField(&field{name: fieldStore, options: indexapi.StoreField, value: encodeRecord(d, length)})
	return doc
}

// An analysis collects the terms of a document.
type analysis struct {
	words, pairs, codes terms
	position            int
}

func newAnalysis() *analysis {
	return &analysis{words: make(terms, 64), pairs: make(terms, 32), codes: make(terms, 2)}
}

// text adds the words of a text and, with pairs, its neighbouring words joined. It returns the number of words.
func (a *analysis) text(text string, weight int, pairs bool) int {
	tokens := language.Tokenize(text)
	for i, t := range tokens {
		a.words.add(t.Stem, weight, a.position+i+1)
		if i > 0 && (pairs || t.Glued || t.Digits) {
			a.pairs.add(language.Joined(tokens[i-1:i+1]), weight, 0)
		}
	}
	a.position += len(tokens) + fieldGap
	return len(tokens)
}

// terms are the terms of a field with their weighted frequencies.
type terms indexapi.TokenFrequencies

// maxRepeats bounds the occurrences of a word that count.
const maxRepeats = 3

func (t terms) add(term string, weight, position int) {
	known, ok := t[term]
	if !ok {
		known = &indexapi.TokenFreq{Term: []byte(term)}
		t[term] = known
	}
	if known.Frequency() < maxRepeats*weight {
		known.SetFrequency(known.Frequency() + weight)
	}
	if position > 0 {
		known.Locations = append(known.Locations, &indexapi.TokenLocation{Position: position})
	}
}

// A field is a field of a library document whose terms this package has analyzed.
type field struct {
	name    string
	options indexapi.FieldIndexingOptions
	terms   terms
	value   []byte
}

func (f *field) Name() string                           { return f.name }
func (f *field) ArrayPositions() []uint64               { return nil }
func (f *field) Options() indexapi.FieldIndexingOptions { return f.options }
func (f *field) Analyze()                               {}
func (f *field) Value() []byte                          { return f.value }
func (f *field) NumPlainTextBytes() uint64              { return uint64(len(f.value)) }
func (f *field) Size() int                              { return len(f.value) + 64*len(f.terms) }
func (f *field) EncodedFieldType() byte                 { return 't' }
func (f *field) AnalyzedLength() int                    { return max(1, len(f.terms)) }
func (f *field) AnalyzedTokenFrequencies() indexapi.TokenFrequencies {
	return indexapi.TokenFrequencies(f.terms)
}
