// Package concept understands search texts and documents for every engine: it turns a text into concepts with alternatives,
// and a document into the terms that it is found by. What an engine is left to do is to match, score, filter, count and
// sort.
//
// A concept is a word of the text. Its alternatives are the terms that stand for it, each with a weight: the stem, the word
// joined with its neighbours, its form in a dictionary, synonyms, shorter and longer model numbers, and what it may have been
// before a typing error. The first ones depend on the words of the shopper's languages alone (NewPlan), the others on what
// the index holds (Plan.Expand).
package concept
