// Package sandbox is a payment provider to try the shop with. No money moves, but the protocol is real: Server is an
// HTTP server with an API key, idempotency keys and durable state, which sends signed webhooks until they are
// acknowledged, and Client calls it as it would any provider.
//
// A payment's test card (Cards) chooses what happens to it: success, decline, delay, silence, notices that come twice,
// early, late or in the wrong order, and answers that are wrong.
//
// What it promises:
//
//   - A payment id names one payment, until that is forgotten (Config.MaxPayments). The same id with other content is
//     rejected (422) and changes nothing.
//   - A payment whose lines do not sum to its amount is rejected (400).
//   - Refunds that have not failed never exceed the captured amount, also under concurrency.
//   - A change and its notice are recorded together, so each notice is delivered at least once, or logged and given up
//     after Config.MaxTries.
//   - With Config.StateFile, all of this survives a restart and a kill.
//   - Refunds can be made by hand, as in a dashboard (POST /v1/payments/{id}/refunds), within the same limits. The books can
//     be read: GET /v1/payments and /v1/refunds list what was made, in the manner of Stripe's lists.
//   - Every body, queue, try and duration has a bound.
//
// Never use it where goods are really sent: whoever holds a test card pays nothing.
package sandbox
