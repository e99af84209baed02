// Package database is the shop's way to its SQL database: CockroachDB in production,
// PostgreSQL 15 or newer on a laptop and in tests. It knows no domain.
//
// What it promises:
//
//   - Every transaction is SERIALIZABLE, on both engines, and may therefore run more than
//     once: Write, WriteIdempotent and Tx call their function again after a conflict.
//   - A round trip is the unit of cost. A read (One, List, Each, Read) is one; a write
//     (Write) is one, whatever the number of statements: a batch without BEGIN and COMMIT is
//     one implicit transaction. Only Tx, for the rare interactive transaction, costs more: two
//     besides its statements on PostgreSQL, four on CockroachDB.
//   - A statement is a trip too where its rows live in another region: the statements of a batch
//     go from the gateway to their rows one after the other. So they are few and work on sets
//     of rows. CountTrips counts round trips, statements, and the statements whose arguments name
//     another region; the tests of each operation hold it to its numbers.
//   - A server older than PostgreSQL 15 or CockroachDB 23.1 is refused: there a batch is not atomic,
//     or not understood.
//   - Constraints decide. A statement that may not happen breaks a named constraint, the
//     whole batch fails, and Violates tells the domain which one it was.
//   - What only one engine has is a clause function on Engine; there are no two copies of
//     a statement.
package database
