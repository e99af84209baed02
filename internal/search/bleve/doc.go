// Package bleve is the search engine that needs no server: an index on disk, read and written by the shop's own process
// with the bleve library.
//
// # What the library does and what this package does
//
// An index is an ordinary bleve index (scorch): segments, dictionaries, postings, merging, snapshots and crash safety
// are the library's. This package cuts texts into words (tokens.go, stem.go) and scores documents (parse.go, expand.go,
// match.go) by reading the library's postings segment by segment: compound words, model numbers and typing errors need
// weights that the library's own queries cannot express. Filters, facets and sorting read columns in memory
// (columns.go), one row a document, decoded once when a segment appears; the library would decompress the values of
// each hit in every search.
//
// # Guarantees
//
//   - A batch and the positions of the feed that it reaches are one write: after a crash an index holds all of a batch or
//     nothing of it. A batch that is too large for one write has the positions in its last part.
//   - A search sees one snapshot of the index: the view that was current when it began.
//   - Views change when changes are applied, not when the library merges segments in the background, so no search waits
//     for columns to be read.
//   - The scores of unchanged documents stay equal from page to page: Result.Next carries the weights of the words.
//   - A folder that cannot be read is moved aside and replaced by an empty index. It has no positions, so the feed fills
//     it again.
package bleve
