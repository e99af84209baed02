// Package indexer feeds a region's search index from the database: products, prices, stock, ratings and popularity,
// without a queue server. An Indexer is the only writer of one index, by a lease in search_replicas.
//
// What it promises:
//
//   - An edit is in the index about one poll (300 ms) after its commit, and none is missed. Each source is read by the time
//     of its changes with an overlap of 15 s, since a change carries the time at which its transaction began and becomes
//     visible when it commits. Changes that were sent are remembered, so that nothing is sent twice while the feed runs.
//   - The position of the feed is stored in the index itself, and moves with the documents (search.Changes.Positions). A
//     killed feed continues there. An index that was wiped or restored shows it by its positions, and is filled again
//     automatically.
//   - A document is rendered from one snapshot of the database: a page of documents is one round trip.
//   - Changes without an edit are found too. Document.GoodUntil is when prices may change (Index.Due). Changes of price
//     rules, the category tree, active warehouses and the document format start a sweep over all products, which compares
//     fingerprints and corrects the index. A sweep continues after a kill, and edits are followed between its pages.
//   - A product without a valid document, or whose document the engine refuses, is set aside with the reason
//     (search_set_aside) and does not hold up others. It is tried again when it changes, by sweeps and by comparisons. The
//     index keeps the document it had.
//   - While the engine or the database does not answer, the feed retries with increasing delays.
//
// Operators' jobs (search_jobs) have a loop of their own: Reindex fills a new index beside the live one, while edits go to
// both, and swaps them; Compare finds and corrects differences between the steps of the feed.
//
// Locality: all tables are REGIONAL BY ROW, in the region of the index. They hold no customer data.
package indexer
