// Package outbox holds the shop's events: written in the transaction that caused them,
// so none is lost and none is invented, and delivered from there at least once: the
// receiver drops an id it has seen. They come in the order they were written, but one that
// the receiver refused comes again later, after its successors: CreatedAt tells. Payloads
// hold no personal data.
package outbox
