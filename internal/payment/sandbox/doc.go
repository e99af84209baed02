// Package sandbox is a payment company to try the shop with. No money moves, but everything else is real: Server is
// an HTTP server with an API key, idempotency keys and a memory of its own, it sends signed webhooks and repeats
// them until they are acknowledged, and Client speaks to it as it would to any provider.
//
// What happens to a payment is chosen by its test card (Cards): success, decline, delay, silence, notices that come
// twice, early, late or in the wrong order, and answers that are not true.
//
// What it promises:
//
//   - A payment id names one payment, until that is forgotten (Config.MaxPayments). The same id with other content is
//     refused (422) and changes nothing.
//   - A payment whose lines do not sum to its amount is refused (400).
//   - Refunds that are not failed never sum to more than was captured, whoever asks at the same time.
//   - A change and the notice of it are recorded together, so each notice is delivered at least once, or given up
//     with a line in the log after Config.MaxTries.
//   - With Config.StateFile, all of this survives a restart, also one by a kill.
//   - Every body, queue, try and duration has a bound.
//
// Never use it where goods are really sent: whoever holds a test card pays nothing.
package sandbox
