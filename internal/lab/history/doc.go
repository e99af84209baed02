// Package history records what concurrent clients of a shop asked and were told, and checks that it can be explained: that there is
// one order of all operations, each between its call and its answer, in which every answer is right (linearizability, checked with
// porcupine), and that each session sees its own writes and never goes back in time.
//
// What has no answer may have happened or not, at any moment from its call on.
//
// The models:
//
//   - stock of a SKU that nobody else sells: receiving adds units, an order takes its units or is refused because fewer are left,
//     and a read tells how many are left.
//   - an order: what is read follows the transitions of its state machine, and never goes back.
//   - a cart: a register that holds the quantity that was set last.
//   - an idempotency key: whoever repeats it is told of the same order.
package history
