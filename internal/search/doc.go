// Package search finds products for shoppers: fast, in their region, and always with an answer.
//
// A Searcher asks Sources, the best first: the region's own index, other regions' by nearness, the database
// (search/plain). Engines (search/bleve, search/meilisearch) answer a Query from an Index, which package
// search/indexer feeds from the database; search/searchtest is what both must do alike, search/eval measures how well
// they rank.
//
// What it promises:
//
//   - A search is answered while anything can answer it. A source has a deadline and a circuit breaker, which closes
//     again by itself; an index that is being filled is not asked. Answer.Degraded says what answered, and
//     Result.Ignored what could not be heeded there.
//   - Where nothing fits, less is asked for, step by step, and Answer.Loosened says how. Later pages of a search are
//     loosened like its first.
//   - Facets are counted as if their own filter were not there. The order of hits is total, and all pages together are
//     every hit once.
//   - Query rules take effect in every pod within a few seconds. Hidden products are in no page; pins and boosts
//     reorder hits by relevance alone.
//   - What is searched for is not written down before three shoppers have searched for it within an hour, and then in
//     their region only; nothing of it is logged or a label of a metric.
//
// Documents hold nothing of a customer. What is shown of a hit, its price above all, is the caller's to read from the
// catalogue: an index is a moment behind.
//
// Locality: search_rules is GLOBAL, search_terms REGIONAL BY ROW, where it was searched. Who may call: everyone may
// search; rules and terms are for operators, which the caller has checked.
package search
