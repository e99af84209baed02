// Package demo is a scripted tour of a fresh shop: it opens one in four regions, goes through it as shoppers and an
// operator do, over HTTP, lets 400 of them race for the last 50 units, pays in every way that can go wrong, takes a
// region away while the others sell on, and audits what is left.
//
// What it promises:
//   - Whatever it reports with a ✓ was checked in this run, and would have been a ✗.
//   - One ✗ is enough for Run to return ErrBroken.
//   - It ends: each wait is bounded. How long the whole takes is printed and depends on the machine; Config.Limit bounds it
//     for those who want that.
//
// Only the audit, and the count of whose rows are where, read the database; nothing here writes to it but through the
// shop.
package demo
