// Package finance is how people change prices and the rules behind them, and how they prove
// afterwards who changed what, when and why.
//
// What it promises:
//
//   - Every change is an entry of the audit (package pricing/changes), of many prices with its
//     lines (price_change_lines), written in the transaction of its effect.
//   - A change whose effect is larger than the shop allows one person (Config.ApproveAbove)
//     waits until a second person approves it; nobody approves their own. What cannot be applied
//     any more as it was proposed is refused as a whole.
//   - Nothing is overwritten. A price or a rule in force is closed at an instant to come, and its
//     successor begins at that instant. What has been in force stays as it was, so that any past
//     price can be asked for.
//   - No pod answers with the old one after the instant: it is further off than any pod's memory
//     is old (pricing.Config.Lead), and a transaction that ends too late for that is undone, by
//     the database's clock. So is one that takes longer than pods look back (ErrTooSlow).
//   - In a price list, a new price takes the place of one without an end; one with an end is a
//     period. Periods of a SKU and quantity never overlap, whoever writes at once: a line that
//     would is refused. A price without an amount ends the one in force, and withdraws those
//     that were to come: they end where they begin.
//   - A bulk change is applied wholly or not at all. What the list says already is left out, so
//     that the same file again changes nothing.
//   - One country is in one market, and one market alone is the rest of the world.
//   - A strategy (Strategies) changes all its markets at one instant, as one change. What changed
//     between its proposal and its approval makes it ErrOvertaken, and the other way about.
//   - A seller's price that takes a larger step than one person may waits like finance's own
//     (SellerGate), and is overtaken by whatever the seller sets meanwhile.
//
// The package owns price_change_lines alone: prices and rules are written through pricing and
// promotion, customer groups through account.
//
// Locality: all of it is GLOBAL, but an account's customer group, which is at its home; the
// audit holds nothing of the account but its public id. Who calls: api, for callers with the
// role finance.
package finance
