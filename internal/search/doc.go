// Package search finds products for shoppers: fast, in their region, and always with an answer.
//
// A Searcher asks its Sources in order: the region's own index, the indexes of other regions by distance, and the
// database (search/plain). Engines (search/bleve, search/meilisearch) answer a Query from an Index, which package
// search/indexer feeds from the database. The suite testkit/searchtest holds both engines to the same behaviour, and
// lab/eval measures how well they rank.
//
// What it promises:
//
//   - A search is answered while any source can answer it. Every source has a deadline and a circuit breaker, and an
//     index that is being filled is skipped. Answer.Degraded names the kind of source that answered; the parts of the
//     query that it does not support are listed in Result.Ignored.
//   - If nothing matches, the query is relaxed step by step, and Answer.Loosened says how. Later pages of a search are
//     relaxed as its first page was.
//   - Facets are counted as if their own filter were not set. The order of hits is total, and the pages of a search
//     together hold every hit exactly once.
//   - Query rules take effect in every pod within a few seconds. Hidden products are on no page; pins and boosts apply
//     only when hits are sorted by relevance.
//   - A search text is not stored before three shoppers have searched for it within an hour, and then only in their
//     region. Search texts appear neither in logs nor in metric labels.
//
// Documents hold no customer data. Callers read what they show of a hit, above all its price, from the catalogue: an
// index lags a moment behind.
//
// Locality: search_rules is GLOBAL; search_terms is REGIONAL BY ROW, in the region of the search. Access: anyone may
// search; rules and terms are for operators, which the caller has checked.
package search
