package concept

import (
	"maps"
	"slices"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// A Field is a kind of terms. All texts of a document are one field, so that a word is looked up once.
type Field string

// The fields.
const (
	Words Field = "words" // the stems
	Pairs Field = "pairs" // two neighbouring words joined
	Codes Field = "codes"
)

// A Source is what a text of a document is.
type Source int

// The sources, the most telling first. The names of attributes belong to the description.
const (
	Title Source = iota
	Brand
	Category
	Attribute
	Description
)

// weights are those of a match in each source.
var weights = [...]int{Title: 16, Brand: 10, Category: 6, Attribute: 3, Description: 1}

// A Text is a text of a document.
type Text struct {
	Source Source
	Tokens []language.Token
}

// Texts returns the texts of a document, its title first.
func Texts(d search.Document) []Text {
	var all []Text
	add := func(source Source, texts ...string) {
		for _, text := range texts {
			all = append(all, Text{source, language.Tokenize(text)})
		}
	}
	add(Title, d.Title)
	add(Brand, d.Brand)
	add(Category, d.CategoryNames...)
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		add(Attribute, d.Attributes[name]...)
		add(Description, name)
	}
	add(Description, d.Description)
	return all
}

// CodesOf returns the codes of a document in the form that they are compared in.
func CodesOf(d search.Document) []string {
	var all []string
	for _, code := range d.Codes {
		if code = language.Code(code); code != "" {
			all = append(all, code)
		}
	}
	return all
}

// Weight returns the weight of a match in the text, relative to one in a description.
func (t Text) Weight() int { return weights[t.Source] }

// Pair returns the term of the ith word and the one before it, or "" if there is none: in a description only words with
// digits, or with nothing but punctuation between, count joined too.
func (t Text) Pair(i int) string {
	if i == 0 || t.Source == Description && !t.Tokens[i].Glued && !t.Tokens[i].Digits {
		return ""
	}
	return language.Joined(t.Tokens[i-1 : i+1])
}

// Stems returns the stems of the words.
func (t Text) Stems() []string {
	all := make([]string, len(t.Tokens))
	for i, token := range t.Tokens {
		all[i] = token.Stem
	}
	return all
}

// Models returns the shorter forms of the model numbers among the words.
func (t Text) Models() []string {
	var all []string
	for _, token := range t.Tokens {
		if model(token.Text) {
			all = append(all, shorter(token.Text)...)
		}
	}
	return all
}
