package bleve

import (
	"github.com/blevesearch/bleve/v2/document"
	indexapi "github.com/blevesearch/bleve_index_api"

	"meridian/internal/search"
	"meridian/internal/search/concept"
)

// The fields of an index are those of concept.Field, and the record. The frequency of a word is the sum of the weights of its
// occurrences, which is how BM25F combines fields (Robertson, Zaragoza and Taylor 2004, "Simple BM25 extension to multiple
// weighted fields").
const fieldStore = "record"

// fieldGap separates the positions of two texts, so that no phrase spans both.
const fieldGap = 100

// libraryDocument returns the library's form of a document.
func libraryDocument(d search.Document) *document.Document {
	words, pairs, codes := make(terms, 64), make(terms, 32), make(terms, 2)
	position, texts := 0, concept.Texts(d)
	for _, text := range texts {
		for i, t := range text.Tokens {
			words.add(t.Stem, text.Weight(), position+i+1)
			if pair := text.Pair(i); pair != "" {
				pairs.add(pair, text.Weight(), 0)
			}
		}
		position += len(text.Tokens) + fieldGap
	}
	for _, code := range concept.CodesOf(d) {
		codes.add(code, 1, 0)
	}
	doc := document.NewDocument(d.ID.String())
	add := func(name concept.Field, options indexapi.FieldIndexingOptions, found terms) {
		doc.AddField(&field{name: string(name), options: options, terms: found})
	}
	add(concept.Words, indexapi.IndexField|indexapi.IncludeTermVectors, words)
	add(concept.Pairs, indexapi.IndexField, pairs)
	add(concept.Codes, indexapi.IndexField, codes)
	doc.AddField(&field{name: fieldStore, options: indexapi.StoreField, value: encodeRecord(d, len(texts[0].Tokens))})
	return doc
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
