// Package verify is the audit of a shop: it reads the whole database and says which of
// the shop's invariants do not hold.
//
// What it promises:
//
//   - It changes nothing, and may run while the shop is open: each check is one statement,
//     so one snapshot, and a change that is half done is never seen. What two checks say may
//     be of two moments. It makes no transaction of the shop fail.
//   - Its memory does not grow with the shop: the database does the sums, broken rows are
//     streamed, all of them counted and the first few kept.
//   - It names rows by public ids and holds no personal data.
//
// A check is a statement that yields the rows that are broken: the region of the row, its
// key, and what is wrong with it. To add one, add it to the list of its subject's file and
// give it a case in the tests, which tamper with a shop for each check.
//
// Locality: every check reads all regions; the region of each row is in its joins, so rows
// that belong together are compared where they live.
//
// Who calls: meridian verify, and tests that end with it.
package verify
