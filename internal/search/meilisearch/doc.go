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
// # How texts are understood
//
// Package concept understands texts and documents, for this engine as for the embedded one. Documents are sent with their
// words as stems, and found by those alone. Of a concept's alternatives the likeliest is sent: Meilisearch has no "or"
// within a text. Its typing tolerance is off. It takes kg36vw31g for kg36vw32g, and no word with another first letter; on
// 1,000 product names among 35,311 offers it costs 0.04 of nDCG. Instead words that no document has are corrected before they
// are sent, by a concept.Lexicon that every process keeps of the words of the index (learner). Until a process that was just
// started has read them, it corrects nothing.
//
// # Differences from package search
//
//   - A rare word does not also find what is almost like it, and a mistyped word finds one of those that it may have been.
//   - Popularity decides only between documents that fit alike, with titles of about the same length.
//   - With MatchMost, a text of three words or more may lack its most frequent words, all but the rarest, when sorted by
//     relevance, and up to a third of its words, from the end, in any other order. In those other orders, totals and facet
//     counts may include documents that have fewer words than required.
//   - With MatchAny, the results of one request per word are merged: documents are ordered by the longest run of words that
//     they have, starting at any word and wrapping around; the rarer the first word, the more it counts.
//   - English synonyms apply to shoppers of every language. Stop words stay in the index, so that phrases may contain them.
//     The server folds accents: thé also finds the.
//   - Values that differ only in case, in compatible Unicode forms or in surrounding spaces are one value to filters and
//     facets.
//   - There is no Result.Next: pages go by offset.
//   - A facet that is filtered by is counted by a query of its own in the same request. A swap between the two shows the
//     counts of the other index.
package meilisearch
