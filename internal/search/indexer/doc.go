// Package indexer feeds a region's search index from the database: products, prices, stock, ratings and popularity,
// without a queue server. An Indexer is one index's feed; it is the one writer of it, by a lease in search_replicas.
//
// What it promises:
//
//   - An edit is in the index about one poll (300 ms) after it is committed, and none is missed: each source is read by
//     the time of its changes with an overlap of 15 s, since a change carries the time at which its transaction began
//     and shows when that ends. What was sent is remembered, so that nothing is sent twice while the feed runs.
//   - How far the feed is stands in the index itself, and moves with the documents (search.Changes.Positions). A feed
//     that was killed goes on there. An index that was wiped, or put back to an old state, says so by its positions,
//     and is filled again without anybody's doing.
//   - A document is what the database says in one snapshot: a page of them is one round trip.
//   - What changes without an edit is found: prices that come into force by Document.GoodUntil (Index.Due); rules of
//     prices, the category tree, active warehouses and the form of documents by a sweep over all products, which
//     compares fingerprints and mends. A sweep goes on where it was after a kill, and edits are followed between its pages.
//   - A document that the engine refuses, or that cannot be made, is set aside with its reason (search_set_aside) and
//     holds up nothing. It is tried again when its product changes, by sweeps and by comparisons. What the index had of
//     it stays.
//   - While the engine or the database does not answer, nothing moves, and is tried again later and later.
//
// Operators' jobs (search_jobs) are done between the steps of the feed: Reindex fills a new index beside the live one,
// which both are followed into, and swaps; Compare finds what differs, and mends it.
//
// Locality: all tables are REGIONAL BY ROW, homed where the index is. They hold nothing of a customer.
package indexer
