package search

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed claims.yaml
var claimsFile []byte

// A claim is something that shoppers rely on for their health or belief, such as gluten_free.
type claim struct {
	FreeOf    map[string][]string `yaml:"free_of"`
	Words     map[string][]string `yaml:"words"`
	Labels    []string            `yaml:"labels"`
	Allergens []string            `yaml:"allergens"`
	ImpliedBy []string            `yaml:"implied_by"`
}

// claims are the known claims, prepared for looking them up.
type claims struct {
	byName map[string]claim
	// says holds what asks for a claim, as folded words with spaces between, and the name of the claim.
	says map[string]string
	// labels are the folded labels that say a claim in other words.
	labels map[string]string
	// sayings holds the keys of says in alphabetical order, by their number of words and first letter, for finding those
	// that were mistyped.
	sayings map[initial][][]string
	// longest is the largest number of words of any key of says.
	longest int
}

// An initial is what a saying and a mistyped form of it have in common.
type initial struct {
	words int
	first byte
}

// shippedClaims returns the claims that come with the program.
var shippedClaims = sync.OnceValue(func() *claims {
	all, err := readClaims(claimsFile)
	if err != nil {
		panic(err) // the file is embedded, and a test reads it
	}
	return all
})

func readClaims(file []byte) (*claims, error) {
	var content struct {
		Frames map[string][]string `yaml:"frames"`
		Claims map[string]claim    `yaml:"claims"`
	}
	if err := yaml.UnmarshalWithOptions(file, &content, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read the claims: %w", err)
	}
	c := &claims{byName: content.Claims, says: make(map[string]string), labels: make(map[string]string)}
	for name, one := range content.Claims {
		for language, nouns := range one.FreeOf {
			for _, noun := range nouns {
				for _, frame := range content.Frames[language] {
					c.add(strings.ReplaceAll(frame, "*", noun), name)
				}
			}
		}
		for _, words := range one.Words {
			for _, text := range words {
				c.add(text, name)
			}
		}
		for _, label := range one.Labels {
			c.labels[foldedText(label)] = name
		}
		for _, other := range one.ImpliedBy {
			if _, known := content.Claims[other]; !known {
				return nil, fmt.Errorf("read the claims: %s is implied by %q, which is not one", name, other)
			}
		}
	}
	c.sayings = make(map[initial][][]string)
	for _, text := range slices.Sorted(maps.Keys(c.says)) {
		words := strings.Fields(text)
		key := initial{len(words), text[0]}
		c.sayings[key] = append(c.sayings[key], words)
		c.longest = max(c.longest, len(words))
	}
	return c, nil
}

func (c *claims) add(text, name string) { c.says[foldedText(text)] = name }

// foldedText returns the words of a text in lower case without accents, with single spaces between.
func foldedText(text string) string {
	var all []string
	for _, w := range spansOf(text) {
		all = append(all, w.folded)
	}
	return strings.Join(all, " ")
}

// A span is a word of a text with its place.
type span struct {
	folded     string
	start, end int
}

// spansOf returns the words of a text, those in quotes too.
func spansOf(text string) []span {
	var all []span
	start := -1
	end := func(at int) {
		if start >= 0 {
			all = append(all, span{unaccented(strings.ToLower(text[start:at])), start, at})
		}
		start = -1
	}
	for i, r := range text {
		switch {
		case notInWord(r) && !isAccent(r):
			end(i)
		case start < 0:
			start = i
		}
	}
	end(len(text))
	return all
}

// A stated claim is one that a text states, with the place of the words that do.
type stated struct {
	name       string
	start, end int
}

// in returns the claims that a text states, in order. If mistyped is true, the words may have a typing error.
func (c *claims) in(text string, mistyped bool) []stated {
	words := spansOf(text)
	var all []stated
	for i := 0; i < len(words); {
		name, n := c.at(words[i:], mistyped)
		if n == 0 {
			i++
			continue
		}
		if i == 0 || !denies(words[i-1].folded) {
			all = append(all, stated{name, words[i].start, words[i+n-1].end})
		}
		i += n
	}
	return all
}

// at returns the claim that the first words state, and the number of those words, 0 if they state none.
func (c *claims) at(words []span, mistyped bool) (name string, n int) {
	for n := min(c.longest, len(words)); n > 0; n-- {
		typed := make([]string, n)
		for i := range typed {
			typed[i] = words[i].folded
		}
		if name, ok := c.says[strings.Join(typed, " ")]; ok {
			return name, n
		}
		if name := c.nearly(typed); mistyped && name != "" {
			return name, n
		}
	}
	return "", 0
}

// Words of claims may have a typing error from these lengths on, those that are a claim by themselves from the second.
const (
	claimLetters      = 5
	claimLettersAlone = 8
)

// nearly returns the claim that the words state but for a typing error in the longer ones, or "". The first letter must be
// right. Of several, the first in alphabetical order is returned.
func (c *claims) nearly(typed []string) string {
	least := claimLetters
	if len(typed) == 1 {
		least = claimLettersAlone
	}
	if !slices.ContainsFunc(typed, func(word string) bool { return len(word) >= least }) {
		return ""
	}
	for _, words := range c.sayings[initial{len(typed), typed[0][0]}] {
		fits := true
		for i := 0; i < len(words) && fits; i++ {
			fits = words[i] == typed[i] || min(len(words[i]), len(typed[i])) >= least && errorsBetween(words[i], typed[i]) <= 1
		}
		if fits {
			return c.says[strings.Join(words, " ")]
		}
	}
	return ""
}

// denies reports whether a word turns a claim into its opposite.
func denies(word string) bool { return slices.Contains([]string{"not", "nicht", "pas", "non"}, word) }

// askedClaims returns the claims that a search text asks for, and the rest of the text.
func askedClaims(text string) (names []string, rest string) {
	found := shippedClaims().in(text, true)
	if len(found) == 0 {
		return nil, text
	}
	var kept strings.Builder
	at := 0
	for _, s := range found {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
		kept.WriteString(text[at:s.start])
		at = s.end
	}
	kept.WriteString(text[at:])
	rest = strings.TrimSpace(kept.String())
	if wordless(rest) {
		rest = ""
	}
	slices.Sort(names)
	return names, rest
}

// The attributes that hold labels and listed allergens.
var (
	labelAttributes    = []string{"labels", "label", "diet", "diets", "claims", "certifications"}
	allergenAttributes = []string{"allergens", "allergen", "contains"}
)

// ClaimsOf returns the claims that hold for a product by its labels and title, sorted. A listed allergen that contradicts
// a claim outweighs both. No other text counts: ingredients name what is in a product.
func ClaimsOf(title string, attributes map[string][]string) []string {
	known := shippedClaims()
	made := make(map[string]bool)
	for _, s := range known.in(title, false) {
		made[s.name] = true
	}
	for _, label := range valuesOf(attributes, labelAttributes) {
		if name, ok := known.labels[foldedText(label)]; ok {
			made[name] = true
		}
		for _, s := range known.in(label, false) {
			made[s.name] = true
		}
	}
	for name, one := range known.byName {
		if slices.ContainsFunc(one.ImpliedBy, func(other string) bool { return made[other] }) {
			made[name] = true
		}
	}
	listed := valuesOf(attributes, allergenAttributes)
	maps.DeleteFunc(made, func(name string, _ bool) bool { return known.byName[name].contradicted(listed) })
	return slices.Sorted(maps.Keys(made))
}

// contradicted reports whether one of the listed allergens contradicts the claim.
func (c claim) contradicted(listed []string) bool {
	return slices.ContainsFunc(listed, func(allergen string) bool {
		allergen = foldedText(allergen)
		return slices.ContainsFunc(c.Allergens, func(against string) bool { return strings.Contains(allergen, foldedText(against)) })
	})
}

func valuesOf(attributes map[string][]string, names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, attributes[name]...)
	}
	return all
}
