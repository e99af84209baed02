// Package payment takes money and gives it back, through providers.
//
// Invariants, held by CHECK constraints and by meridian verify:
//
//   - An order has one payment; captured <= amount, refunded <= captured.
//   - refunded counts every refund that has not failed, from the moment it is promised, so
//     two refunds can never promise the same money.
//   - A success outranks a failure or a cancellation, whichever is heard first; one that
//     comes after its order was cancelled is refunded in the transaction that records it.
//   - A success of another amount than was asked for captures nothing: it is set aside for a
//     person, once, and does not hold its order up.
//   - A refund that was made at the provider is adopted once, from the provider's own books (Ledger), within the same
//     bounds. It is never sent.
//   - A webhook is a row before it is acknowledged and is acted on once, however often and
//     in whatever order it comes.
//
// Locality: payments, refunds, webhooks and what is known of the provider's books live in the order's home region; a webhook's
// row is there too, whichever region heard it, since the payment's id names its home.
//
// Who calls: order joins the QueueXxx functions to its transitions; api hands webhooks to
// Inbox; the worker calls the XxxOnce functions. Providers are called outside any
// transaction.
//
// # How to add a provider
//
// Implement Provider, and Ledger if its books can be read, in a package of its own below this one, hold it to paymenttest.Run,
// give the new package a Config with Validate, and add it to the map of providers that
// cmd/meridian and internal/local compose. Its webhook is then /v1/webhooks/{name}.
package payment
