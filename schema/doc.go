// Package schema holds the shop's SQL schema, and migrates databases to it.
//
// migrations/ holds the tables, in one text for both engines. Clauses that only CockroachDB has are in /*crdb … */
// comments, which are opened there and stay comments on PostgreSQL. postgres/ adds what PostgreSQL lacks (the region
// type); cockroach/ makes a CockroachDB database multi-region. Both are templates over the files in regions/ that every
// Up sends again, so a new region is a YAML file and `meridian migrate up`.
//
// # How to add a migration
//
// Add the next numbered file to migrations/. Each statement ends with a semicolon at the end of a line, is safe to send
// again (IF NOT EXISTS …), and is a version of its own, recorded as soon as it is done: CockroachDB has no transactional
// DDL. The n-th statement of file 0003 is version 3000+n. A released file never changes. Migrations only go forward, and
// each must leave the previous release's binary working.
package schema
