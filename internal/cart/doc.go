// Package cart keeps what shoppers mean to buy: carts of guests and customers, their
// change, and their merge at sign-in.
//
// What it promises:
//
//   - A cart is changed only by its owner: a customer's by that account, a guest's by who
//     holds its token, which the caller checks. For everybody else it is not there.
//   - Every change raises the version by one. A change that names an old version changes
//     nothing and is told the cart as it is now.
//   - Quantities are 1 to MaxQuantity, lines at most Config.MaxLines, and only SKUs that
//     are sold can be added. The database decides, in the statement that makes the change.
//   - A customer has at most one open cart.
//   - A guest's cart is merged once; merging it again changes nothing.
//   - Prices and availability are read with the cart, never stored in it.
//
// Every operation but Create with first lines is one round trip. A refusal costs a second one,
// which finds out why.
//
// Locality: carts and cart_lines are in the region where a guest's cart was made, and in
// the home region of a customer. Merge moves lines from the first to the second. A cart
// expires; CockroachDB deletes it by row-level TTL, SweepOnce on PostgreSQL.
//
// Who calls: api; order reads with QueueGet and closes a cart with QueueCheckout, both in
// its own batches.
package cart
