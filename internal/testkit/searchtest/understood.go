package searchtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/search"
)

// understood is a catalogue of model numbers, measures and compounds.
func understood() []search.Document {
	titles := []string{"Siemens KG36NVL3AG fridge freezer", "Panasonic NN ST462MBPQ microwave silver", "Apple iPhone 8 Plus 64 GB silver",
		"Apple iPhone 8 Plus 256 GB silver", "Head phones wireless", "Ceramic garden lantern", "Wooden garden chair", "Ceramic mug",
		"Red ceramic vase", "Doormat hearts", "Green tea", "Paper napkins"}
	documents := make([]search.Document, 0, len(titles))
	for i, title := range titles {
		documents = append(documents, item{slug: strings.ToLower(title), title: title}.document(i+1))
	}
	return documents
}

// understoodTests test what package concept makes of texts, which both engines must follow.
var understoodTests = []test[stock]{{"words are understood", testUnderstood}, {"the words that were meant are highlighted", testMeant}}

func testUnderstood(t *testing.T, s stock) {
	for _, tt := range []struct {
		name  string
		query search.Query
		want  string // the first of the hits; empty for none
	}{
		{"a model's beginning", search.Query{Text: "siemens kg36nvl3a"}, "siemens kg36nvl3ag fridge freezer"},
		{"a model and more", search.Query{Text: "siemens kg36nvl3agb"}, "siemens kg36nvl3ag fridge freezer"},
		{"a model with an error", search.Query{Text: "siemens kg36nvl4ag"}, "siemens kg36nvl3ag fridge freezer"},
		{"a model written as one", search.Query{Text: "nnst462mbpq"}, "panasonic nn st462mbpq microwave silver"},
		{"a model written in parts", search.Query{Text: "NN-ST462MBPQ"}, "panasonic nn st462mbpq microwave silver"},
		{"a measure written as one", search.Query{Text: "iphone 64gb"}, "apple iphone 8 plus 64 gb silver"},
		{"a number is not another", search.Query{Text: "iphone 65"}, ""},
		{"words written as one", search.Query{Text: "headphones"}, "head phones wireless"},
		{"a word written as two", search.Query{Text: "door mat"}, "doormat hearts"},
		{"all words before some", search.Query{Text: "ceramic garden lantern"}, "ceramic garden lantern"},
		{"an error in the first letter", search.Query{Text: "mantern"}, "ceramic garden lantern"},
		{"an error in a word that is begun", search.Query{Text: "ceramic lantre", Prefix: true}, "ceramic garden lantern"},
		{"an error before the end", search.Query{Text: "panazon", Prefix: true}, "panasonic nn st462mbpq microwave silver"},
		{"an error in a synonym", search.Query{Text: "servietes", Language: "en"}, "paper napkins"},
		{"a word of another language", search.Query{Text: "grüner Tee", Language: "de"}, "green tea"},
		{"an error in a word of another language", search.Query{Text: "Latrene", Language: "de"}, "ceramic garden lantern"},
		{"no beginnings unasked", search.Query{Text: "panas"}, ""},
		{"a word on its way to the plural", search.Query{Text: "lanterns", Prefix: true}, "ceramic garden lantern"},
		{"a plural on its way", search.Query{Text: "vase", Prefix: true}, "red ceramic vase"},
		{"a phrase", search.Query{Text: `"garden lantern"`}, "ceramic garden lantern"},
		{"not a phrase", search.Query{Text: `"lantern garden"`}, ""},
		{"a quote without end", search.Query{Text: `"garden lantern`}, "ceramic garden lantern"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.query.Limit = 10
			got := ""
			if found := slugs(ask(t, s, tt.query)); len(found) > 0 {
				got = found[0]
			}
			if got != tt.want {
				t.Errorf("Search(%q) finds %q first, want %q", tt.query.Text, got, tt.want)
			}
		})
	}
}

// testMeant: what a mistyped word was taken for is marked, so that the text can be corrected.
func testMeant(t *testing.T, s stock) {
	result := ask(t, s, search.Query{Text: "garden lantren", Language: "en", Limit: 1, Highlight: true})
	if len(result.Hits) == 0 {
		t.Fatal("nothing is found")
	}
	want := []search.Fragment{{Text: "Ceramic "}, {Text: "garden", Match: true}, {Text: " "}, {Text: "lantern", Match: true}}
	if diff := cmp.Diff(want, result.Hits[0].Highlights["title"]); diff != "" {
		t.Errorf("the title is highlighted (-want +got):\n%s", diff)
	}
}
