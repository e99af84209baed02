package concept

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/search"
	"meridian/internal/search/language"
	"meridian/internal/testkit"
)

func TestPlan_Meant(t *testing.T) {
	var l Lexicon
	l.Completed()
	l.Learn([]search.Document{product(1, 1, "Siemens KG36NVL3AG fridge"), product(2, 1, "Garden lantern"), product(3, 1, "Garden pattern"),
		product(4, 1, "Pattern book"), product(5, 1, "Head phones"), product(6, 1, "Chocolate bar")})
	words := language.NewDictionaries(search.Words{"en": {Synonyms: [][]string{{"napkin", "serviette"}}}}).Of("en")
	for _, tt := range []struct {
		text   string
		prefix bool
		want   []string // what the last word is taken for, the likeliest first
	}{
		{text: "lantern"}, {text: "lanterns"}, {text: "headphones"}, {text: "serviette"},
		{text: "lantren", want: []string{"lantern"}},
		{text: "mantern", want: []string{"lantern"}},
		{text: "antern", want: []string{"lantern"}},
		{text: "chacolite", want: []string{"chocolate"}},
		{text: "serviete", want: []string{"serviette"}},
		{text: "garden pantern", want: []string{"pattern", "lantern"}}, // pattern is more frequent, and both stand behind garden
		{text: "kg36nvl3a", want: []string{"kg36nvl3ag"}},
		{text: "kg36nvl3agb", want: []string{"kg36nvl3ag"}},
		{text: "KG36NVL4AG", want: []string{"kg36nvl3ag"}},
		{text: "lant"}, {text: "lant", prefix: true}, {text: "chacola", prefix: true, want: []string{"chocolate"}},
		{text: `"lantren"`}, {text: "tern"},
	} {
		q := search.Query{Text: tt.text, Prefix: tt.prefix}
		p := NewPlan(q, words)
		testkit.NoError(t, p.Expand(&l, words, tt.prefix))
		var got []string
		for _, token := range p.Concepts[len(p.Concepts)-1].Meant {
			got = append(got, token.Stem)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q is taken for (-want +got):\n%s", tt.text, diff)
		}
	}
}
