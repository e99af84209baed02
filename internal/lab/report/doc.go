// Package report measures what the lab's commands do and prints what they measured: latencies,
// calls by route, tables, counts.
package report
