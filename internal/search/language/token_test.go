package language

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTokenize(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Ceramic Lantern", "ceramic lantern"},
		{"T-Shirt, 64 GB", "t shirt 64 gb"},
		{"3.5 GHz and 1,5 l.", "3.5 ghz and 1.5 l"},
		{"Crème brûlée — Straße, Ærø", "creme brulee strasse aero"},
		{"cre\u0300me", "creme"},
		{"women's l’eau d'or rock", "women eau or rock"},
		{"O'Neill", "oneill"},
		{"NN-ST462MBPQ/B", "nn st462mbpq b"},
		{"茶碗 Tea", "茶 碗 tea"},
		{"½ £ € ™", "12"},
		{"", ""}, {"'", ""}, {"...", ""}, {"\xff\xfe a", "a"},
		{strings.Repeat("x", 100), strings.Repeat("x", 64) + " " + strings.Repeat("x", 36)},
	}
	for _, tt := range tests {
		var words []string
		for _, token := range Tokenize(tt.text) {
			words = append(words, token.Text)
		}
		if diff := cmp.Diff(tt.want, strings.Join(words, " ")); diff != "" {
			t.Errorf("Tokenize(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestTokenizePlaces: tokens are parts of the text, in its order, and cutting them again changes nothing.
func TestTokenizePlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`([a-zA-Z0-9é.,'’ -]{0,6} ?){0,8}`)).Draw(t, "text")
		end := 0
		for _, token := range Tokenize(text) {
			if token.Start < end || token.End <= token.Start || token.End > len(text) {
				t.Fatalf("Tokenize(%q): %+v after byte %d", text, token, end)
			}
			if token.Text == "" || token.Stem == "" {
				t.Fatalf("Tokenize(%q): an empty token %+v", text, token)
			}
			end = token.End
		}
	})
}

func TestStem(t *testing.T) {
	for _, group := range [][]string{
		{"candle", "candles"}, {"box", "boxes"}, {"berry", "berries"}, {"glass", "glasses"}, {"dish", "dishes"}, {"torch", "torches"},
		{"shoe", "shoes"}, {"tomato", "tomatoes"}, {"potato", "potatoes"}, {"knife", "knives"}, {"shelf", "shelves"}, {"child", "children"},
		{"woman", "women"}, {"gateau", "gateaux"}, {"bijou", "bijoux"}, {"toy", "toys"}, {"cookie", "cookies"}, {"smoothie",
			"smoothies"}, {"child", "childrens", "childs"}, {"pie", "pies"}, {"tie", "ties"}, {"lens", "lens"},
	} {
		for _, word := range group {
			if Stem(word) != Stem(group[0]) {
				t.Errorf("Stem(%q) is %q, of %q %q", word, Stem(word), group[0], Stem(group[0]))
			}
		}
	}
	for _, pair := range [][2]string{{"bus", "bu"}, {"glass", "glas"}, {"iris", "iri"}, {"decorating", "decoration"}, {"plan", "plane"},
		{"line", "linen"}} {
		if Stem(pair[0]) == Stem(pair[1]) {
			t.Errorf("%q and %q have one stem, %q", pair[0], pair[1], Stem(pair[0]))
		}
	}
}
