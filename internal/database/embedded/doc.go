// Package embedded starts the databases that Meridian runs itself: a PostgreSQL server for `meridian up` and for the
// tests, and a local CockroachDB cluster of one node a region. Both use programs that are already on the
// machine; nothing is downloaded.
//
// What it promises:
//
//   - A server listens on 127.0.0.1 only. PostgreSQL asks for a random password that only the folder's owner can read.
//   - A server ends with the process that started it: by Stop and, on Linux, also when that process is killed.
//   - Ctrl-C in a terminal reaches Meridian only, which then stops its servers in its own order.
//   - Kill simulates a crash. What a durable server had committed survives it.
//   - A failed start says in one line why it failed and what to do.
//   - A start as root works: PostgreSQL refuses root, so its processes run as the user postgres, else as nobody.
package embedded
