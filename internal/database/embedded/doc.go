// Package embedded starts the databases that Meridian runs itself: a PostgreSQL server for `meridian up` and for the
// tests, and a local CockroachDB cluster of one node a region. Both come from binaries that are already on the
// machine; nothing is downloaded.
//
// What it promises:
//   - A server listens on 127.0.0.1 only. PostgreSQL asks for a random password that only the folder's owner can read.
//   - A server ends with the process that started it: by Stop, and on Linux also when that process is killed.
//   - Ctrl-C in a terminal reaches Meridian alone, which then stops its servers in its own order.
//   - A crash can be had on purpose: Kill. What a durable server had committed survives it.
//   - A start that cannot work says why, and what to do, in one line.
//   - A start as root works: PostgreSQL refuses root, so its processes run as the user postgres, else as nobody.
package embedded
