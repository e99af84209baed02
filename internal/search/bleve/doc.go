// Package bleve is the search engine that needs no server: an index on disk in the shop's own process, written and read
// with the bleve library.
//
// # What is the library's and what is ours
//
// An index is an ordinary bleve index (scorch): its segments, dictionaries, postings, merging, snapshots and crash safety
// are the library's. What a document's words are (tokens.go, stem.go), and which documents fit a text how well
// (parse.go, expand.go, match.go), is ours, and reads the library's postings segment by segment: so that words written
// together and apart, models' names and typing errors weigh what they should, which sums over the library's own queries
// do not express. Filters, facets and orders read columns in memory (columns.go), one row a document, decoded once when a
// segment appears, where the library would decompress each hit's values again in every search.
//
// # What holds
//
//   - A batch and the positions of the feed that it reaches are one write: an index opened after a crash holds all of
//     a batch or nothing of it. Of a batch too large for one write the positions come with the last part.
//   - A search sees one moment of the index from beginning to end: the view that was current when it began.
//   - Views change when something was applied, not when the library merges segments behind them, so no search waits
//     for columns to be read.
//   - The scores of unchanged documents stay equal from page to page: the weights of the words travel in Result.Next.
//   - A folder that cannot be read is moved aside and begun anew, empty: its positions are gone with it, so the feed
//     fills it again.
package bleve
