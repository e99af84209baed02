// Package schema is the shop's SQL schema and what brings a database up to it.
//
// migrations/ is the text of the tables, the same for both engines. Clauses that only
// CockroachDB has stand in /*crdb … */ comments, which are opened there and stay comments
// on PostgreSQL. postgres/ is what PostgreSQL lacks (the region type); cockroach/ is what
// makes a CockroachDB database multi-region. Both are made from the files in regions/ and
// sent again by every Up, so a new region is a YAML file and `meridian migrate up`.
//
// # How to add a migration
//
// Add the next numbered file to migrations/. Each statement ends with a semicolon at the
// end of a line, is safe to send again (IF NOT EXISTS …), and is one version of its own,
// recorded as soon as it is done: CockroachDB has no transactional DDL. The n-th statement
// of file 0003 is version 3000+n. A landed file never changes, only new files come:
// migrations go forward, and each must leave the previous release's binary working.
package schema
