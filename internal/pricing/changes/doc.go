// Package changes keeps the audit of prices and of the rules behind them, and the version of
// those rules. It stands below all who change them: fx, promotion, pricing and finance.
//
//   - A change is a row of price_changes: who asked for it, when and why, what it was before and
//     what after. It is written in the transaction of its effect.
//   - pricing_state is one row, whose version moves with every change of a rule, in the
//     transaction of the change: pods that have read a newer version read the rules again.
//
// Locality: both are GLOBAL. No row holds personal data: people are public account ids.
package changes
