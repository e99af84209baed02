// Package rating is what customers think of what they bought: one to five stars for a product.
//
// What it promises:
//
//   - A customer has one rating of a product, and may change it or take it back. Giving or changing one needs an order
//     of the customer's with the product that is paid, or further, and was not given back in full.
//   - product_ratings is the sum of all ratings of a product, of every region, at any moment: both change in one batch.
//     What of a rating is in the sum stands beside it (ratings.counted), so that a batch adds the difference only,
//     however often it is sent.
//   - Nobody is shown who gave which stars, but the customer. Closing an account leaves its stars, under a number that
//     is nobody's and without the time they were given (QueueForget).
//
// Locality: ratings are REGIONAL BY ROW in the customer's home region, where the orders are; product_ratings is GLOBAL
// and holds nothing of a person, so every region reads it at home. Writing it is slow, and rare.
//
// Who calls: the API for customers, account when one closes, and the indexers of search, which read product_ratings.
package rating
