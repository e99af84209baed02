// Package pair runs PostgreSQL as a primary with a synchronous standby at another site, fails over to the standby when the
// primary is lost, and never lets two servers be primary. Without a standby it runs the primary alone.
//
// What it promises:
//
//   - A commit that a client has heard of is on both servers, while the pair is synchronous (synchronous_standby_names =
//     'ANY 1 (…)', synchronous_commit = on). So the standby that takes over has all of them.
//   - A server is a primary only if the record says so. The record is a file in the shop's folder with the name of the
//     primary's site and a generation, which rises with each promotion; it is written, and synced, before a promotion. Only
//     the process that holds the lock beside it starts servers or writes it.
//   - Fencing: before a promotion the old primary has ended; one that hangs is ended with SIGKILL, and waited for. Then its
//     connections are cut. Its data is never started
//     again: as soon as its site is back it gets a copy of the new primary's data, as a standby. What it had committed and not
//     told anybody is lost with it.
//   - A standby that is lost stops the writes for GiveUp. Then the pair goes on without it: the record first says that the
//     standby lacks something, from when on there is no failover, and then the primary stops waiting. A shop that stops
//     selling because its spare is gone would be worse. When the standby has caught up, the pair is synchronous again.
//
// The one who decides here is one process on one machine, which sees all servers and can end them. Across machines, use what
// has a quorum: CockroachDB, or an agent such as Patroni on Consul.
//
// A commit that waits for the standby and is cancelled, by its client or statement_timeout, stays committed on the primary
// alone, and PostgreSQL reports success with a warning. The client had given up by then; should the primary be lost before
// the standby has it, it is gone.
package pair
