package search

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func found(words ...string) []Hit {
	var hits []Hit
	for _, word := range words {
		hits = append(hits, Hit{Highlights: map[string][]Fragment{"title": {{Text: "A "}, {Text: word, Match: true}}}})
	}
	return hits
}

func TestCorrect(t *testing.T) {
	tests := []struct {
		name, text, want string
		hits             []Hit
	}{
		{"one letter wrong", "chrismas", "christmas", found("Christmas", "Christmas", "Chrisms")},
		{"swapped letters", "cushoin", "cushion", found("cushion")},
		{"only the wrong word", `Red "tea pot" cushoin`, `Red "tea pot" cushion`, found("red", "cushion")},
		{"typed as it is", "mug", "", found("mug")},
		{"singular of what was found", "candle", "", found("candles")},
		{"plural of what was found", "candles", "", found("candle")},
		{"plural in ies", "berry", "", found("berries")},
		{"a beginning", "chris", "", found("christmas")},
		{"a synonym", "sofa", "", found("couch")},
		{"right in one hit", "bells", "", found("balls", "balls", "bells")},
		{"short words", "mga", "", found("mug")},
		{"model numbers", "ue75nu7100", "", found("ue65nu7100")},
		{"meant by another word", "coca cola", "", found("cola")},
		{"accents", "café", "", found("Cafe")},
		{"two words together", "tlight", "", found("T-Light")},
		{"too far for its length", "coffin", "", found("muffin")},
		{"nothing found", "xyzzy", "", nil},
		{"case is kept elsewhere", "IKEA Lampp, white", "IKEA lamp, white", found("ikea", "lamp", "white")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := correct(test.text, test.hits); got != test.want {
				t.Errorf("correct(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}

func TestCompletions(t *testing.T) {
	hits := []Hit{
		{Document: Card{Brand: "Christie"}, Highlights: map[string][]Fragment{"title": {{Text: "Red "}, {Text: "Christmas", Match: true},
			{Text: " mug"}}, "brand": {{Text: "Christie", Match: true}}}},
		{Highlights: map[string][]Fragment{"title": {{Text: "Christmas", Match: true}}}},
		{Highlights: map[string][]Fragment{"title": {{Text: "Christening", Match: true}, {Text: " candle"}}}},
	}
	if diff := cmp.Diff([]string{"red christmas", "red christening"}, completionsOf("Red chr", hits)); diff != "" {
		t.Error(diff)
	}
	if got := completionsOf("chr ", hits); got != nil {
		t.Errorf("a word that was ended is completed: %v", got)
	}
	if diff := cmp.Diff([]string{"Christie"}, brandsOf(hits, 5)); diff != "" {
		t.Error(diff)
	}
}
