// Package discovery tells where the pods of every region are, which of them can serve, and what operators decided about each
// region: from Consul, or from a fixed list whose entries are probed.
//
// It is for finding, never for correctness. Which pod does a region's background work, who owns a row, what is in stock: the
// database alone decides (leases, constraints, transactions). What this package says may be late or wrong, and costs a request
// a second try at worst.
//
// What it promises:
//
//   - A Pool outlives its source. While Consul does not answer, the last known pods stay, and the region's Age grows.
//   - A pod that says that it cannot serve leaves at once. One that comes back waits for a while that doubles each time, so
//     that a pod that flaps does not take requests with it.
//   - A pod leaves in two steps: it reports itself critical, then it is taken off. So one that vanishes while it is healthy is
//     Consul's loss and not the pod's, as after the restart of a server without its data, and is kept for a while.
//   - An answer without any pod empties nothing. Where fewer than PanicPercent of the pods of every region are healthy, all
//     pods are used (Envoy calls it the panic threshold): it is likelier that the checks are wrong than that everything is
//     down, and the few that are left would go down under everybody's load. A single region that falls below it is left to
//     the others instead.
package discovery
