// Package shipping knows whether the shop delivers to a country, what that costs and how long it takes, from a table
// that is compiled into the program.
//
// What it promises:
//
//   - Every country of ISO 3166-1 is in exactly one zone; other codes are ErrNotServiceable.
//   - Every zone has a price in every currency of the table; amounts are minor units.
//   - From the zone's threshold upwards, delivery is free.
//
// A rate is a final amount: pricing adds it to a quote as it is.
package shipping
