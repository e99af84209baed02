// Package pricing is the one place that says what a line costs: prices, tax and the sums
// of a quote. A cart shows its answer, checkout charges it.
//
// What it promises of every Quote:
//
//   - All amounts are integer minor units of one currency; there are no floats, and an
//     amount that does not fit is an error.
//   - Of each line: subtotal = quantity × unit price. Tax is computed for each line and
//     rounded half to even, once.
//   - Where prices include tax, a line's total is its subtotal and its tax is a part of
//     it; where tax is added, its total is subtotal + tax.
//   - Total = sum of the lines' totals + shipping, that is
//     subtotal + shipping, and + tax where prices do not include it.
//   - The same tables and the same input give the same quote.
//
// Shown prices include tax everywhere but in the United States and Canada, where it is
// added. Shipping is a final amount: at this stage it bears no tax.
//
// Locality: prices are GLOBAL. They are written by catalogue edits through QueueSet.
package pricing
