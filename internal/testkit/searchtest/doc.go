// Package searchtest is the conformance suite of search engines: it checks what package search promises.
//
// The suite writes a small handwritten catalogue and larger generated ones, and compares an engine's answers with a
// plain walk over the documents (model.go). It asserts no timings.
//
// # Where engines may differ
//
// The suite leaves open what the two engines cannot have in common:
//
//   - Stemming. Plural and singular of words of five letters or more match, which an engine without stemming achieves by
//     its typing errors. Shorter words are not tested.
//   - A typing error in the first letter, which Meilisearch counts as two.
//   - Which words may be missing under search.MatchMost. A document that has all words is found and comes first. One that
//     has fewer may be missing, and if both are found comes after one that has the same words and more.
//   - Languages of synonyms and stop words: Meilisearch has one list of each per index. The words of the query's language
//     must apply; those of other languages may.
//   - Values that differ only in case, in compatible Unicode forms or in surrounding spaces: Meilisearch treats them as
//     one value in filters and counts. The suite writes no such pairs.
//   - Result.Total: an engine may stop counting at search.MaxWindow, and then sets Result.More.
//   - Result.Next: an engine without it pages by offset, and is not tested for pages that stay stable while documents
//     change.
//   - Facets that are filtered by may be counted by separate requests: while an index is swapped, only hits and unfiltered
//     counts must come from one index.
//   - Which documents are refused.
package searchtest
