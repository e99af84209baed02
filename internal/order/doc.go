// Package order turns a cart into an order and carries it through its life.
//
//	pending_payment → paid → packed → shipped → delivered → returned
//	                     └───────┴────────┴─────────┴─────→ refunded
//	pending_payment → cancelled (payment_failed | expired | by_customer | by_operator)
//
// What it promises:
//
//   - An order exists wholly or not at all: its lines, payment, reservations, events and
//     idempotency record are one batch, two round trips after the request came in.
//   - Nothing is sold twice: the batch raises stock counters whose CHECKs decide.
//   - Checkouts and settlements that come in at the same time share a transaction, each
//     with its own outcome (see below).
//   - A transition happens once. It is one conditional UPDATE that leaves a fresh
//     transition id on the row; every other statement of its batch acts only where it finds
//     that id. A transition that is not allowed changes nothing.
//   - The provider is asked outside any transaction, with the order's own id as its
//     idempotency key, and told the very lines the order holds. Whatever it answers, or
//     does not answer, the order moves on: by its webhook, by a worker's question, or by
//     expiry; a success that comes after a cancellation is refunded.
//
// Locality: everything lives in the customer's home region, for a guest that of the
// country shipped to; reservations in the regions of the warehouses. An order and its
// payment share one id, so an id alone says where to look.
//
// Who calls: api for shoppers and operators; the worker calls the XxxOnce functions.
package order
