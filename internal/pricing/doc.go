// Package pricing is the one place that says what a thing costs, and why. Listings, carts,
// price answers and checkout all ask it, so they show and charge the same number.
//
// What a unit costs (Rules.Unit), in order:
//
//  1. The price of the most specific price list that is in force: one for the customer's
//     group before one for everybody, then one for the market before one for all, finance's
//     before the sellers' catalogue, the higher priority, the first by code; within a list the
//     largest minimum quantity that the order reaches. A list of kind sale counts where it is
//     less than all that, and then the lowest price of the 30 days before stands beside it
//     (Directive 98/6/EC, article 6a).
//  2. Else the base price, the SKU's catalogue price in its base currency, at the exchange
//     rates in force (units for one euro, package fx), times the market's multiplier, rounded
//     once, by the market's rule for the currency (money.Rounding).
//
// Then promotions (package promotion) take their part off lines and shipping, and then tax is
// worked out for each line: included in what is left or added to it, by the market's law, at
// the rate of the destination in force; rounded half to even, once. Shipping is a final
// amount: it bears no tax.
//
// What is promised of every Quote:
//
//   - Amounts are integer minor units of one currency. There are no floats, and what does
//     not fit is an error.
//   - Of each line: subtotal = quantity × unit price; promotions take off it at most all.
//     Tax is of what is left, computed for each line and rounded half to even, once.
//   - Where prices include tax, a line's total is what is left and its tax is a part of it;
//     where tax is added, its total is what is left + tax.
//   - Total = sum of the lines' totals + shipping, that is subtotal - discount + shipping,
//     and + tax where prices do not include it.
//   - The same rules, articles and input give the same quote, whoever answers. What it costs
//     at a moment past can always be asked for, and each line can be worked out again from
//     its Derivation alone.
//
// Whether shown prices include tax is the market's rule. Shipping is a final amount: at this
// stage it bears no tax.
//
// Locality: prices and rules are GLOBAL. Catalogue prices are written by catalogue edits
// through QueueSet.
package pricing
