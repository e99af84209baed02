// Package finance is how people change prices and the rules behind them, and how they prove
// afterwards who changed what, when and why.
//
// Every change is a row of price_changes: who asked for it, when, the reason, what it was
// before and what after. It is written in the transaction of its effect. A change whose
// effect is larger than the shop allows one person (Config.ApproveAbove) waits until a second
// person approves it; nobody approves their own.
//
// Nothing is overwritten. A price or a rule in force is closed at an instant to come, and its
// successor begins at that instant: no pod ever answers with the old one after it, since the
// instant is further off than any pod's memory is old (pricing.Config.Lead). What has been in
// force stays as it was, so that any past price can be asked for.
//
// In a price list, a new price takes the place of one without an end; one with an end is a
// period, and periods must not overlap: that is refused, with the line that does. A price
// without an amount ends the one in force, and withdraws those that were to come.
//
// Locality: all of it is GLOBAL. Who calls: api, for callers with the role finance.
package finance
