// Package eval measures how relevant what the search finds is: on queries with judgements of which documents answer
// them, an engine of the shop beside plain ones over the same texts.
//
// The measures, each the mean over the queries that have a relevant document:
//
//   - nDCG@10 with gains of 2^grade−1 and a discount of log2(1+rank), over the best order there is (Järvelin and
//     Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002; these gains: Burges and others, 2005).
//   - MRR: one over the rank of the first relevant document, 0 when the first ten hold none.
//   - Recall@10: the share of all relevant documents that are among the first ten. A query with fifty of them
//     reaches 0.2 at best.
//   - Zero results: the share of queries, judged or not, that find nothing at all. The shop asks again for any of the
//     words where nothing is found, and so does this (loosened); and as in the shop a short list is filled up.
//   - Judged: the share of what stands in the first ten that somebody has judged. What nobody has judged counts as
//     not relevant, so that a system with a low share is measured too low.
//
// The files are those of TREC. Queries: a line each of id, text and, if wanted, language and kind, with tabs between.
// Judgements: a line each of query, 0, document and grade, with spaces between; grade 0 is not relevant. Lines that
// begin with # are comments. A document is named by an id that stays: of the shipped catalogue the seller's own key of
// the product (shipped.Product.Key), while a SKU's code or barcode, with or without its leading zeros, stands for its
// product; of a file its column id, offer_id or sku.
//
// What nothing says of relevance is kept away from it: documents are in an order that says nothing (by a hash of their
// ids), of a file only the columns id, title, brand, category and description are read, and the shop's popularity is 0.
//
// The plain systems: "plain" is bleve as it comes, one match query over all texts with neither weights nor synonyms;
// "plain titles" is the same with BM25 over titles alone.
//
// judged/ holds a judged set of our own over the shipped catalogue; its README says how it was made.
//
// Who calls: meridian search eval.
package eval
