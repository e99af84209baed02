// Package pricing is the one place that says what a thing costs, and why. Listings, carts,
// price answers and checkout all ask it, so they show and charge the same number.
//
// What a unit costs (Rules.Unit), in order:
//
//  1. The price of the most specific price list that is in force: one for the customer's
//     group before one for everybody, then one for the market before one for all, finance's
//     before the sellers' catalogue, the higher priority, the first by code; within a list the
//     largest minimum quantity that the order reaches. A market with FromBasePrice leaves the
//     catalogue out. A list of kind sale counts where it is
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
//   - Of each line: subtotal = quantity × unit price; total = subtotal - discount, and + tax
//     where the market adds it. Of the quote: every sum is the sum of its lines', and
//     total = the lines' totals + shipping.
//   - It follows from its derivation alone (Derivation.Check), which every order line keeps.
//   - The same moment gives the same answer on every pod in every region.
//
// # Time
//
// Prices and rules are rows with a period, [valid_from, valid_to). Nothing that was in force
// is ever changed: a change closes one row and opens the next at an instant to come, at least
// Config.Lead away. Pods look for changes each second, and answer from memory only while what
// they know is younger than MaxStaleness, which is less than the lead: so all of them know of
// a change before its instant, and change over at that instant, together. And since the past
// stands still, a quote needs no row: its id is the moment and the terms, signed (Terms), and
// checkout keeps the promise by pricing at that moment again.
//
// An SKU's first price in a currency has nobody who remembers another; it is in force at once.
//
// # Memory
//
// The rules are a few thousand rows, and every pod remembers them. Their version is one row that
// moves with every change (package changes); whoever reads a cart reads it in the same snapshot
// (Pricer.RulesOf). SKUs are remembered as they are asked for (Pricer.Lookup): no round trip for
// those in memory, one for all others together.
//
// Locality: all tables are GLOBAL. The package owns markets, rounding_rules, tax_rates, price_lists
// and price_entries: sellers' prices are written by catalogue edits (QueueSet), everything else
// by package finance (QueuePutMarket, QueuePutList, QueueOpen and their like). It stands below
// catalog, and reads SKUs through package catalog/skus.
//
// Who calls: api, cart, catalog, order and finance.
package pricing
