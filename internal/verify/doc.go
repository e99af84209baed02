// Package verify audits a shop: it reads the whole database and reports which of the shop's invariants do not hold.
//
// What it promises:
//
//   - It changes nothing and may run while the shop is open. Each check is one statement, so it sees one snapshot and no
//     half-done change; two checks may see different moments. It makes no transaction of the shop fail. Audits by pods
//     read the stock in parts by SKU: on CockroachDB each part is a snapshot of its own, on PostgreSQL they share one.
//   - Its memory does not grow with the shop: the database does the sums, and broken rows are streamed, all of them
//     counted and the first few kept.
//   - It names rows by public ids and holds no personal data.
//
// As the auditor it may read every table, and it states the shop's rules for itself: what a sold SKU is, which
// transitions an order may take. A check that shared a rule with the code it audits would repeat that code's mistakes.
//
// A check is a statement that returns the broken rows: the region of each, its key, and what is wrong with it. To add
// one, add it to the list in its subject's file and give it a case in the tests, which tamper with a shop for each check.
//
// Every check reads all regions. The region of each row is in the joins, so rows that belong together are compared where
// they live.
//
// Its callers are meridian verify, the stock audit of workers, and tests that end with it.
package verify
