// Package rating keeps the customers' ratings of products: one to five stars each.
//
// Invariants:
//
//   - A customer has at most one rating of a product, and may change or remove it. To give or change one, the customer
//     needs an order of the product that is paid or further along and was not refunded in full before it was sent.
//   - product_ratings holds the sum of all ratings of a product, of every region, at any moment: both change in one
//     batch. ratings.counted holds what of a rating is in the sum, so that a batch adds only the difference, however
//     often it is sent.
//   - Only the customer is shown which stars they gave. Closing an account keeps its stars, under a random id and without
//     the time they were given (QueueForget).
//
// Locality: ratings are REGIONAL BY ROW in the customer's home region, where the orders are; product_ratings is GLOBAL
// and holds no personal data, so every region reads it locally. Writing it is slow, and rare.
//
// Callers: the API for customers, account when one closes, catalog, which shows totals, and the search indexers. The
// package imports no other domain: order.NewRatings hands in the SQL by which it reads theirs.
package rating
