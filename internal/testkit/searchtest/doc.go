// Package searchtest tests a search engine against what package search promises. Every engine passes the same suite.
//
// The suite writes a small catalogue made by hand and larger random ones, and compares an engine's answers with those of
// a plain walk over the documents (model.go). It asserts no timings.
//
// # Where engines may differ
//
// The suite leaves open what the two engines cannot share:
//
//   - Stemming. Plural and singular find each other where the words have five letters or more, which an engine without
//     stemming reaches by its typing errors. Of shorter words nothing is asked.
//   - A typing error in the first letter, which Meilisearch counts as two.
//   - Which words may be missing under search.MatchMost. A document that has all words is found and comes first. One that
//     has fewer may be missing, and where both are found comes after one that has the same words and others.
//   - Languages of synonyms and stop words: Meilisearch has one list of each for an index. A language's own words must
//     work; another language's may.
//   - Values that differ only in upper and lower case, in the ways Unicode writes one character, or in spaces around
//     them: Meilisearch takes them for one value when it filters and counts. The suite writes no such pairs.
//   - Result.Total: an engine may stop counting at search.MaxWindow, and says so by Result.More.
//   - Result.Next: an engine without it goes by offset, and is not asked for pages that stay when documents come and go.
//   - Facets that are filtered by may be counted by requests of their own, a moment apart: while an index is swapped only
//     hits and unfiltered counts are asked to be of one index.
//   - What documents are refused.
package searchtest
