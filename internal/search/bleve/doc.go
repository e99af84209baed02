// Package bleve is the search engine that needs no server: an index on disk, read and written by the shop's own process
// with the bleve library.
//
// # What the library does and what this package does
//
// An index is an ordinary bleve index (scorch): segments, dictionaries, postings, merging, snapshots and crash safety are the
// library's. Package concept understands texts and documents. This package scores documents (match.go, matcher.go) by reading
// the library's postings segment by segment. Filters, facets and sorting read columns in memory (columns.go), one row a
// document, decoded once when a segment appears; the library would decompress the values of each hit in every search.
//
// The library's own queries and scorers were tried on the same concepts and the same index. The best of them reached an
// nDCG@10 of 0.803 on the known items of docs/search.md, where this package reaches 0.831, took 1.1 to 1.25 times the CPU of a
// search, and repeated or left out products from page to page, since their scores move with the index. The library lacks the
// maximum over alternatives, documents with all words first, a minimum of matching words by their rarity, and a tie broken by
// popularity. With functions for those it ranks as well, in 1.2 to 1.6 times the CPU and as many lines.
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
