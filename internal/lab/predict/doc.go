// Package predict computes what each operation of the API takes a shopper, with the shop open in several regions over
// CockroachDB and with all of it in the primary region, and measures what one PostgreSQL behind real distances can show of it.
//
// A call takes
//
//	shopper → nearest edge, and back
//	+ edge → pod, and back: no distance for what reads; what writes follows its rows to their home (geo.Edge)
//	+ round trips to the gateway, the database's node in the pod's region
//	+ statements, from the gateway to the leaseholder of their rows, one after the other
//	+ commits
//
// A statement on GLOBAL tables is answered in the pod's region, as is one that may read old rows. One on rows with a home takes
// the round trip to it, and one that reads the rows of all regions the round trip to the farthest. A commit takes the way to the
// home and the quorum there: under ZONE survival the copies of the home region have it, under REGION survival it takes the
// nearest other region, once a batch, as writes are pipelined. A transaction that writes GLOBAL tables sends its statements to
// the primary region, and then waits until its timestamp, which lies ahead by what lets every region read without asking, has
// passed: --max-offset and 300 ms, which is 800 ms by default (see propagation).
//
// Rows are near-homed where their home is the region nearest to the shopper, and far-homed where it is the region farthest from
// that one. Stock is taken from a warehouse of the rows' home.
//
// What is left out, on both sides: the shopper's last mile, new connections, the CPU, the payment provider, what a queue or a
// conflict adds, and caches: a call is the first one. An operator's rows count as homed where the operator is.
//
// Sources. Distances between regions: package wan. Distances from countries: package geo. Round trips: x-round-trips of the
// OpenAPI document, which tests hold every answer to; where an operation usually takes fewer, or has none, and the number of its
// statements: data/costs.csv, see its README. What CockroachDB does: its documentation's "Multi-Region Capabilities Overview",
// "Global Tables" and "Life of a Distributed Transaction"; that each statement of a batch is a trip of its own was seen on a
// cluster of four nodes.
package predict
