// Package shopper drives a shop as its customers and guests do: a Shopper fills a cart, checks
// out, reads the order, cancels it and waits for its end. bench, chaos, demo and replay all
// shop through it.
//
// Calls are those of client.Client, which repeats an unanswered call under one idempotency
// key. An Account renews its session when that runs out. A Purchase records what its shopper
// was told of it, and a Journal collects purchases, to be compared with the shop's database
// afterwards.
package shopper
