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
//   - What is not paid holds little for a short time: the units of a SKU that a buyer, a client's network
//     and all guests hold by unpaid orders are bounded (UnpaidLimits), and a guest's order waits
//     for its payment a third of the time of a customer's.
//   - A transition happens once. It is one conditional UPDATE that leaves a fresh
//     transition id on the row; every other statement of its batch acts only where it finds
//     that id. A transition that is not allowed changes nothing.
//   - The provider is asked outside any transaction, with the order's own id as its
//     idempotency key, and told the very lines the order holds. Whatever it answers, or
//     does not answer, the order moves on: by its webhook, by a worker's question, or by
//     expiry; a success that comes after a cancellation is refunded.
//
// # Why checkouts share transactions
//
// 64 buyers of one SKU want one stock row. Each in a transaction of its own, they wait for
// its lock in turn, and under SERIALIZABLE all who waited fail and start again. So a pod
// serves the checkouts and settlements of a region one group at a time (database.Group, which
// also retries lost races and isolates other failures by bisection): the first that comes runs
// at once and alone, those that come meanwhile form the next group, at most 32. A group is one
// read and one write, with one statement per table however many orders it has; the stock rows
// come first, each raised once by what all its orders take, in the one order in which everybody
// locks them. Orders are planned first come, first served, each against what those before it
// left, so that a sold-out SKU is known before anything is written; the CHECK still decides, and
// where another pod was quicker all look again. A caller that leaves is not served; if its call
// had begun, the outcome is unknown until its idempotency key is asked.
//
// Measured with meridian bench, 64 clients in one region, orders of two lines from cart to
// paid, PostgreSQL 15 with durable commits, two cores shared by everything:
//
//	orders a transaction, at most      1     8    32
//	random SKUs, orders/s            167   278   559
//	one hot SKU, orders/s            163   321   538
//	database CPU an order, ms        5.2   3.3   1.7
//	retries an order               0.002 0.002 0.001
//
// Few connections win, shared commits win more: the bare statements of such an order, without
// a rule or HTTP, reached 618 a second on one hot row from one connection and 123 from 32.
// On CockroachDB a row's lock lasts until the commit is replicated, 2 ms
// in one zone and 80 to 160 ms across regions: a hot row then takes 32 orders in that time
// rather than one. Sub-counters of stock by region exist already, a row a warehouse, and no
// unit is stranded in one: an order that the nearest cannot serve is allocated from the
// others. More of them would buy nothing that sharing does not.
//
// What it costs: members of a group wait for its slowest row. Groups are therefore kept
// apart by the regions of the cart and of the order, and an attempt has 4 seconds. And two
// pods that want the same rows still make each other fail on PostgreSQL, though with 32
// orders a try; CockroachDB queues them.
//
// Locality: everything lives in the customer's home region, for a guest that of the
// country shipped to; reservations in the regions of the warehouses. An order and its
// payment share one id, so an id alone says where to look.
//
// Who calls: api for shoppers and operators; the worker calls the XxxOnce functions.
package order
