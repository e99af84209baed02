// Package databasetest hands each test a database of its own on a throw-away PostgreSQL that the whole test run
// shares.
//
//	db := databasetest.New(t)                                  // a pool on a fresh, migrated, empty database
//	db := databasetest.New(t, databasetest.Region("us-west"))  // the same, seen from another region
//	url := databasetest.URL(t)                                 // for tests that open several pools on one database
//
// Nothing has to be set up: no TestMain, no flag, no running server.
//
// How the server lives. The first test process that asks starts a keeper, which is the same test binary run again in
// a session of its own, and the keeper starts PostgreSQL. Test processes find it by a state file in the temporary
// folder, under a file lock, and hold one connection for as long as they live: that connection says that the server
// is in use, and the system closes it however the process ends. When there has been none for idleLimit, the keeper
// takes the lock, stops the server and removes its data. On Linux the server also ends with a killed keeper. So a
// server never outlives its use, a killed test process breaks nobody else, and nobody stops a server in use.
//
// How a database is made. The migrations run once into a template named after their text, so changed migrations make
// a new one; a test's database is a copy of it.
//
// On CockroachDB. When COCKROACH_URL is set, tests run there instead (make test-cockroach). It cannot copy databases, so
// tests take turns on a pool of migrated ones: before a test gets one, all rows are deleted and those that the migrations
// insert are inserted again. A test that needs what only PostgreSQL has says so by OnlyPostgreSQL.
//
// Collecting statements. When MERIDIAN_STATEMENTS_DIR is set, each statement that the shop sends is kept in that folder,
// for checks against another engine's grammar.
package databasetest
