// Package meilisearch is the search engine of a region that runs a Meilisearch server (1.50 or newer): one server a
// region, each fed by its own indexer. Servers know nothing of each other.
//
// What it promises beyond search.Store:
//
//   - A write has happened when Apply returns: Meilisearch accepts writes first and carries them out later, so every task
//     is waited for, and how it ended decides.
//   - Beside the index PREFIX there is PREFIX_state, with the positions of the feed, and which index they are of. They are
//     written when the documents' task has succeeded, and are swapped together with the index, in one task. An index
//     that was deleted on the server, and perhaps made again by somebody, has another time of creation: its old
//     positions do not count.
//   - The settings are applied before any document, and again whenever this program's settings are others.
//   - A text reaches Meilisearch without its operators, a filter with names of ours and values that are quoted.
//   - No error holds the API key, a shopper's text or a filter.
//
// # Where it differs from the rules of package search
//
//   - There is no stemming: plural and singular of words of five letters or more find each other as typing errors.
//   - Under MatchMost a text of three words or more may miss its most frequent words, all but the rarest, when sorted by
//     relevance, and up to a third of its words, the last of them, in any other order. Totals and counts of such
//     another order may include documents that have fewer of the words than hits must.
//   - Under MatchAny one request a word is merged: documents are ordered by the longest run of words that they have, from
//     any word on and round the end. For up to three words that is the number of words.
//   - Synonyms are those of all languages together. Stop words are left out of the text by its language, in this
//     package, and stay in the index: so phrases may have them.
//   - Values that differ only in case, in compatible Unicode forms or in spaces around them are one value to filters and
//     facets.
//   - Totals end at search.MaxWindow, which Result.More tells. There is no Result.Next: pages go by offset.
//   - A facet that is filtered by is counted by a query of its own in the same request. A swap between the two shows the
//     counts of the other index.
package meilisearch
