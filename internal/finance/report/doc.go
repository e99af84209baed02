// Package report is what finance reports of: the shop's revenue.
//
// The revenue report has a row for each day, market and currency: what orders that were paid
// on that day brought in, and what refunds that succeeded on it took back, in the orders'
// currency and in the reporting currency at the rate booked on each order line. A day is one
// of UTC. An order counts on the day of its step to paid, however late it was placed; a
// refund on the day its provider gave the money back, even if its order was paid long before.
// Money that came in after its order was cancelled, and the refund of it, are no revenue.
//
// Of the orders of a row, in minor units of their currency:
//
//	gross_minor     = their lines' totals: with tax, after discounts
//	shipping_minor  = what was paid for shipping
//	tax_minor       = the part of gross_minor that is tax
//	discount_minor  = what promotions took off the goods: it is not in gross_minor
//	net_minor       = gross_minor + shipping_minor - refunds_minor
//
// so that gross_minor + shipping_minor is what was captured for them.
//
// In the reporting currency, where nothing is rounded but the amounts of one order:
//
//   - Gross and tax are what was booked on each line when the order was placed.
//   - Shipping and discount are the order's, times the rate booked, rounded half to even. All
//     lines of an order are booked at one rate.
//   - Refunds: what has been given back of an order so far is worth that sum times the rate
//     booked, rounded half to even, and never more than the order's gross and shipping in the
//     reporting currency; it is worth those once all of the order was given back. A refund is
//     worth the difference that it makes. So the refunds of all parts of an order add up to
//     its charge in either currency, however many there were.
//
// Rows therefore add up: a month is the sum of its days, and a day of its orders. Orders that
// were placed without a rate, and their refunds, stand in a row of their own whose columns in
// the reporting currency are empty; unbooked_orders counts them. So do orders booked in another
// reporting currency, where the shop changed it: currencies are never mixed. The market is
// empty for orders older than markets.
//
// Locality: orders live in the regions of their customers, and a report reads them all, in one
// statement and one snapshot. On CockroachDB the nearest replicas answer, as of some seconds
// ago (database.Engine.FollowerRead), and no shopper waits for it; on PostgreSQL it is a
// deferrable transaction, which neither fails nor makes another fail. It streams: nothing is
// held but the row that is being added up.
//
// Who calls: api, for callers with the role finance; meridian report.
package report
