// Package meilisearch is the search engine of a region that runs a Meilisearch server (1.50 or newer): one server per
// region, each fed by its own indexer. Servers do not know each other.
//
// What it promises beyond search.Store:
//
//   - Writes are complete when Apply returns. Meilisearch accepts writes first and processes them later, so every task is
//     awaited, and its outcome is the result.
//   - The positions of the feed are in a document of the index, so that documents and the positions they reach are one
//     task, an index that was deleted on the server has lost both, and a swap exchanges both.
//   - Settings are applied before any document, and again whenever this program's settings differ.
//   - Texts are sent without Meilisearch's operators; filters consist of fixed field names and quoted values.
//   - No error contains the API key, a search text or a filter.
//
// # Differences from package search
//
//   - There is no stemming: singular and plural of words of five letters or more match as typing errors, those of synonyms
//     and irregular ones by a list.
//   - With MatchMost, a text of three words or more may lack its most frequent words, all but the rarest, when sorted by
//     relevance, and up to a third of its words, from the end, in any other order. In those other orders, totals and facet
//     counts may include documents that have fewer words than required.
//   - With MatchAny, the results of one request per word are merged: documents are ordered by the longest run of words that
//     they have, starting at any word and wrapping around. For up to three words that is the number of words.
//   - English synonyms apply to shoppers of every language, and typing errors are not forgiven in synonyms. Stop words are
//     removed from the search text by its language, in this package, and stay in the index, so that phrases may contain
//     them. Accents make no difference: thé also finds the.
//   - Values that differ only in case, in compatible Unicode forms or in surrounding spaces are one value to filters and
//     facets.
//   - There is no Result.Next: pages go by offset.
//   - A facet that is filtered by is counted by a query of its own in the same request. A swap between the two shows the
//     counts of the other index.
package meilisearch
