package main

import "strings"

// The texts a rule can look at.
const (
	giftName       = "gift_name"
	foodName       = "food_name"
	foodCategories = "food_categories"
)

// A rule puts a product into a category by words in one of its texts. A line of
// rules.csv reads:
//
//	field,words,category_id,category
//	gift_name,CAKE STAND|CHRISTMAS + TREE,hg-11-10-7-3,Cake Stands
//
// A bar separates alternatives, a plus the phrases that must all be there; * matches
// everything. A phrase matches whole words, and also its plural in S or ES. The first
// rule that matches wins. The category's name is there for the reader.
type rule struct {
	field      string
	anyOf      [][]string // alternatives of phrases that must all be there; empty matches everything
	categoryID string
	category   string
}

func readRules() ([]rule, error) {
	rows, err := readTable("rules.csv")
	if err != nil {
		return nil, err
	}
	rules := make([]rule, len(rows))
	for i, row := range rows {
		rules[i] = rule{
			field: row["field"], anyOf: parseWords(row["words"]),
			categoryID: row["category_id"], category: row["category"],
		}
	}
	return rules, nil
}

func parseWords(text string) [][]string {
	if text == "*" {
		return nil
	}
	var anyOf [][]string
	for _, alternative := range strings.Split(text, "|") {
		anyOf = append(anyOf, strings.Split(alternative, " + "))
	}
	return anyOf
}

// firstMatch returns the index of the first rule that matches one of the texts, or -1.
func firstMatch(rules []rule, texts map[string]wordText) int {
	for i, r := range rules {
		if text, ok := texts[r.field]; ok && r.matches(text) {
			return i
		}
	}
	return -1
}

func (r rule) matches(text wordText) bool {
	for _, phrases := range r.anyOf {
		if hasAll(text, phrases) {
			return true
		}
	}
	return len(r.anyOf) == 0
}

func hasAll(text wordText, phrases []string) bool {
	for _, p := range phrases {
		if !text.has(p) {
			return false
		}
	}
	return true
}
