// Package bench measures a shop from outside, and beside each figure the limit of the same
// machine: how fast is it, and how fast could it be?
//
// The load generator is a closed loop: each of a number of visitors waits for an answer before
// the next call. It speaks real HTTP on connections that are kept alive, from a process of its
// own, whose processor time is told apart from the shop's and the database's. Failed calls are
// not repeated: every error is counted.
//
// The operations, and the limits measured in the same run:
//
//   - browse: one read of a product. Every product of the spread is read once in each region
//     before, so that the answers come from memory. Limit: a bare gorilla/mux handler in a
//     process of its own that answers the same bytes and headers under the same visitors.
//     Neither is asked to compress.
//   - cart: a guest's cart is created with its lines, read, and changed: three calls. Limit: the
//     bare statements of its rows in three transactions.
//   - checkout: one whole order of random SKUs. A guest's cart is created with its lines and
//     ordered with a card that succeeds; the payment settles by webhook, in the background. Each
//     part ends when every order is paid, and that time counts: orders a second are orders paid
//     over the time until all were. Limit: the bare statements of the same rows.
//   - hot-sku: the same, with as many lines, the first of every order of one SKU. Its stock is
//     where each region's orders are sent from, as in a shop that expects a rush. Limit: the bare
//     statements with that SKU.
//   - mixed: 550 requests to each order, one in 549 operations. Limit: computed from the bare
//     read and the bare order, of which it would consist.
//   - prices: a quote of 1,000 lines in one of eight currencies, each SKU once, in one region; and
//     beside it one of 1,000 lines among 1,000 SKUs, and one of one line. The shop is filled with
//     SKUs for it, so it needs a shop of its own and comes last. Every SKU is asked for before,
//     which counts the round trips of what is not in memory. Limit: the arithmetic that the shop
//     does (pricing.Rules.Unit and Quote) in a loop over the same rules, SKUs and quantities in
//     this process's memory, checked to come to the same total. Lines are compared for each
//     second of processor time, the shop's of all its pods.
//
// The bare statements of a limit are copies of what real journeys leave behind. When a limit is
// opened, the visitors make some hundred carts or orders, and the rows of each are read back: all
// columns, as information_schema lists them, so no table is spelled out here. A copy inserts the
// same rows under new identifiers, as they are in the end, where the shop inserts and later
// updates them; only the rows that a later call changes are written again. Stock moves by the
// statements of the inventory itself, and a cart is read by the statement of the cart's. There is
// no HTTP, no planning, no pricing, and nobody else is told. A whole order is one transaction in
// one batch and so one round trip, on the database's own protocol, at the same isolation and
// durability. The loop runs on the number of connections that serves it best, of those that are
// tried first. The rows are real: the audit at the end counts them in. Orders that a limit only
// places are cancelled afterwards, outside the measured time, as the orders that they copy were.
//
// Parts of the limit and of the scenario take turns, so that both meet the same machine. What a
// part leaves to the shop's workers (events to deliver) is waited for before the next, outside
// the measured time; the report says how much it was.
//
// Searches are measured in a run of their own (SearchRun), in a shop that a seller's import fills
// with products. A search over HTTP stands beside two that are done in this process, by as many
// callers: the shop's own engine, and the bleve library alone with its own queries, facets and
// highlights. Both hold the documents that the shop's feed makes of the same database. That they
// find as many is checked for every request, and requests that find nothing are left out, since
// the shop then relaxes the query. The library is the limit that counts. Then edits are timed
// from the answer until each region shows them, and searches before an import and during it are
// compared; there each visitor pauses between two searches.
//
// The tool works on one machine or one region's network: figures of calls across regions are
// those of the network between.
//
// Who calls: meridian bench.
package bench
