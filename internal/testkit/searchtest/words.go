package searchtest

import (
	"slices"
	"testing"

	"meridian/internal/search"
)

// wordTests test words that are spelled differently from the document.
var wordTests = []test[stock]{
	{"typing errors are forgiven by the length of the word", testTypos},
	{"what was typed right comes before what was not", testTypedRight},
	{"plural and singular find each other", testPlurals},
	{"accents may be left out or put in", testAccents},
	{"words may be written together or apart", testJoined},
	{"a code is found in full only", testCodes},
	{"stop words need not be there", testStopWords},
}

func testTypos(t *testing.T, s stock) {
	tests := []struct {
		text, slug string
		want       bool
	}{
		{"lanturn", "lantern", true}, {"lanern", "lantern", true}, {"lantternn", "lantern", true}, {"lantenr", "lantern", true},
		{"lamturn", "lantern", false},                                      // two in seven letters
		{"chocolite", "chocolate", true}, {"chacolite", "chocolate", true}, // one and two in nine
		{"chacolice", "chocolate", false}, // three
		{"vaze", "vase", false}, {"vasse", "vase", true}, {"vse", "vase", false},
		{"garden lanturn", "lantern", true}, {"gardin lanturn", "lantern", true}, // each word by itself
	}
	for _, tt := range tests {
		found := slugs(ask(t, s, search.Query{Text: tt.text, Language: "en", Limit: 20}))
		if got := slices.Contains(found, tt.slug); got != tt.want {
			t.Errorf("Search(%q) finds %v; %s is there: %t, want %t", tt.text, found, tt.slug, got, tt.want)
		}
	}
}

// testTypedRight: a rare word may also find what is almost like it, behind what was typed.
func testTypedRight(t *testing.T, s stock) {
	for text, slug := range map[string]string{"carbon": "carbon", "carton": "carton", "carton box": "carton"} {
		if found := slugs(ask(t, s, search.Query{Text: text, Language: "en", Limit: 10})); len(found) == 0 || found[0] != slug {
			t.Errorf("Search(%q) finds %v, want %s first", text, found, slug)
		}
	}
}

func testPlurals(t *testing.T, s stock) {
	for text, slug := range map[string]string{"candle": "candles", "candles": "candles", "lanterns": "lantern", "saucers": "saucer",
		"beeswax candle": "candles"} {
		wantSlugs(t, s, search.Query{Text: text, Language: "en"}, slug)
	}
}

func testAccents(t *testing.T, s stock) {
	for text, slug := range map[string]string{
		"creme brulee": "creme", "Crème Brûlée": "creme", "CRÈME brulee": "creme", "creme bru\u0302le\u0301e": "creme", "jalapeño": "jalapeno",
		"sohne": "lantern", "Söhne": "lantern",
	} {
		wantSlugs(t, s, search.Query{Text: text, Language: "en"}, slug)
	}
}

func testJoined(t *testing.T, s stock) {
	for _, text := range []string{"t-shirt", "t shirt", "tshirt", "T-Shirt", "organic tshirt"} {
		found := slugs(ask(t, s, search.Query{Text: text, Language: "en", Limit: 10}))
		if len(found) == 0 || found[0] != "t-shirt" {
			t.Errorf("Search(%q) finds %v, want the t-shirt first", text, found)
		}
	}
}

func testCodes(t *testing.T, s stock) {
	for text, want := range map[string][]string{
		"QX48213Z": {"coded"}, "qx48213z": {"coded"}, "WHT-2210-K": {"coded"}, "wht-2210-l": {"coded-too"}, "4006381333931": {"coded"},
		"4006381333948": {"coded-too"},
		"QX48214Z":      nil, "WHT-2210-M": nil, "4006381333932": nil, // one off
		"QX48213": nil, "QX48": nil, "400638133393": nil, "40063813339311": nil, // not in full
		"fountain QX48213Z": {"coded"}, "ballpoint QX48213Z": nil,
	} {
		wantSlugs(t, s, search.Query{Text: text, Language: "en"}, want...)
	}
}

func testStopWords(t *testing.T, s stock) {
	for _, text := range []string{"the lantern", "a lantern for the garden", "lantern of the garden"} {
		wantSlugs(t, s, search.Query{Text: text, Language: "en"}, "lantern")
	}
	for language, text := range map[string]string{"de": "die lantern für den garden", "fr": "une lantern pour le garden",
		"es": "una lantern para el garden"} {
		wantSlugs(t, s, search.Query{Text: text, Language: language}, "lantern")
	}
	ask(t, s, search.Query{Text: "the", Language: "en", Limit: 10}) // some answer, and no error
}
