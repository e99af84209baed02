// Package database is the shop's way to its SQL database: CockroachDB in production,
// PostgreSQL 15 or newer on a laptop and in tests. It knows no domain.
//
// What it promises:
//
//   - Every transaction is SERIALIZABLE, on both engines, and may therefore run more than
//     once: Write, WriteIdempotent and Tx call their function again after a conflict.
//   - A round trip is the unit of cost. A read (One, List, Each, Read) is one; a write
//     (Write) is one, whatever the number of statements: a batch without BEGIN and COMMIT is
//     one implicit transaction. Only Tx, for the rare interactive transaction, costs more.
//     CountTrips counts them, and the tests of each operation hold it to its number.
//   - Constraints decide. A statement that may not happen breaks a named constraint, the
//     whole batch fails, and Violates tells the domain which one it was.
//   - What only one engine has is a clause function on Engine; there are no two copies of
//     a statement.
package database
