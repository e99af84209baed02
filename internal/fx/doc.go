// Package fx keeps exchange rates: what one euro is in each currency, by day and source, and
// which rate is in force at which moment.
//
// What it promises:
//
//   - Rates are decimals, never floats: units of the currency for one euro. Two currencies are
//     converted through the euro, which is 1 by definition.
//   - What was in force is never changed. A rate that is stored is not overwritten: another
//     rate for the same currency, source and day is a conflict, which an import reports.
//   - A rate is in force from valid_from, until the next one of its source, or until valid_to.
//     While a currency has a manual rate in force, no other counts.
//   - The first rates that a source brings of a currency are its history: each is in force
//     from its publication, even where that is long past, because nothing was priced with the
//     currency before. From then on nothing begins in the past: a new rate is in force from its
//     publication or from Config.Lead after it came, whichever is later, so that every pod
//     knows it by then.
//   - A rate that comes late, when one of a later day is in force already, is recorded but
//     never in force: its valid_to is its valid_from. So are the earlier ones of several days
//     that come at once.
//   - A rate that is too far from the one before is held until finance confirms or rejects it.
//     Until then the one before stays in force.
//   - Imports may be repeated: what is stored already is not touched, and each is one
//     transaction.
//   - No rate is an error (*NoRateError), never a guess; an old rate is used, and says that it
//     is stale.
//
// Every change moves the version of the price rules and leaves an entry in the audit (package
// pricing/changes), in the transaction of the change.
//
// Locality: fx_rates is GLOBAL. Who calls: pricing loads rates (QueueLoad) and looks them up in
// memory (Table); finance imports, enters and decides through the API and the command line; a
// worker fetches them (UpdateOnce).
package fx
