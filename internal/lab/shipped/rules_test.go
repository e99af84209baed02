package main

import (
	"slices"
	"strings"
	"testing"

	"meridian/internal/testkit"
)

// sourceTexts are the texts that rules look at, for every row of both sources.
func sourceTexts(t *testing.T) (gifts, food []map[string]wordText) {
	t.Helper()
	giftRows := testkit.Must(readGifts())(t)
	for _, row := range giftRows {
		gifts = append(gifts, map[string]wordText{giftName: newWordText(row.name)})
	}
	foodRows := testkit.Must(readFood())(t)
	for _, row := range foodRows {
		food = append(food, foodTexts(row))
	}
	return gifts, food
}

func TestRules(t *testing.T) {
	rules := testkit.Must(readRules())(t)
	categories := categoriesByID(t)
	gifts, food := sourceTexts(t)
	placed := make([]int, len(rules))
	for _, texts := range slices.Concat(gifts, food) {
		placed[firstMatch(rules, texts)]++
	}
	for i, r := range rules {
		if c, ok := categories[r.categoryID]; !ok || c.Name != r.category {
			t.Errorf("rule %v: category %s is %q, not %q", r.anyOf, r.categoryID, c.Name, r.category)
		}
		if !slices.Contains([]string{giftName, foodName, foodCategories}, r.field) {
			t.Errorf("rule %v: no field %q", r.anyOf, r.field)
		}
		if placed[i] == 0 {
			t.Errorf("dead rule: %s %v places nothing", r.field, r.anyOf)
		}
	}
	for name, texts := range map[string][]map[string]wordText{"gifts": gifts, "food": food} {
		specific := 0
		for _, text := range texts {
			if len(rules[firstMatch(rules, text)].anyOf) > 0 {
				specific++
			}
		}
		t.Logf("%s: %d of %d placed by a rule with words", name, specific, len(texts))
		if specific*100 < len(texts)*90 {
			t.Errorf("%s: %d of %d placed by a rule with words, want nine in ten", name, specific, len(texts))
		}
	}
}

// TestRules_NoDeadWords: every alternative of every rule is somewhere in the sources.
func TestRules_NoDeadWords(t *testing.T) {
	rules := testkit.Must(readRules())(t)
	gifts, food := sourceTexts(t)
	all := slices.Concat(gifts, food)
	for _, r := range rules {
		for _, phrases := range r.anyOf {
			found := slices.ContainsFunc(all, func(texts map[string]wordText) bool {
				text, ok := texts[r.field]
				return ok && hasAll(text, phrases)
			})
			if !found {
				t.Errorf("rule for %s: nothing has the words %s", r.category, strings.Join(phrases, " + "))
			}
		}
	}
}

func TestRule(t *testing.T) {
	tests := []struct {
		name, words, text string
		want              bool
	}{
		{"word", "MUG", "RED MUG", true},
		{"plural", "MUG", "SET OF MUGS", true},
		{"plural in ES", "BOX", "SNACK BOXES", true},
		{"part of a word", "MUG", "SMUGGLER", false},
		{"phrase", "CAKE STAND", "LARGE CAKE STAND", true},
		{"phrase apart", "CAKE STAND", "CAKE ON A STAND", false},
		{"alternative", "CUP|MUG", "MUG", true},
		{"all there", "EASTER + EGG", "EGG FOR EASTER", true},
		{"one missing", "EASTER + EGG", "EGG CUP", false},
		{"hyphen", "T LIGHT", "RED T-LIGHT", true},
		{"apostrophe", "CHILDRENS MUG", "Children's mug", true},
		{"everything", "*", "ANYTHING", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := rule{anyOf: parseWords(test.words)}
			if got := r.matches(newWordText(test.text)); got != test.want {
				t.Errorf("%q in %q: %v, want %v", test.words, test.text, got, test.want)
			}
		})
	}
}

// TestWords_NoneDead: every phrase of words.csv stands in a gift's name, and has one
// meaning as an option at most.
func TestWords_NoneDead(t *testing.T) {
	vocabulary := testkit.Must(readVocabulary())(t)
	gifts := testkit.Must(readGifts())(t)
	seen := map[string]bool{}
	for _, gift := range gifts {
		for _, f := range vocabulary.find(splitWords(gift.name)) {
			seen[f.phrase] = true
		}
	}
	for phrase, meanings := range vocabulary {
		options := 0
		for _, m := range meanings {
			if isOption(m.kind) {
				options++
			}
		}
		if !seen[phrase] || options > 1 {
			t.Errorf("words.csv: %q: in a name %v, %d meanings as an option", phrase, seen[phrase], options)
		}
	}
}
