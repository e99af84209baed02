// Package chaos breaks a shop on purpose and then judges what is left of it.
//
// A shop here is real processes: a PostgreSQL with durable commits, `meridian serve` for each region, `meridian
// sandbox`. Shoppers buy in all regions by HTTP, repeat each call that was not answered, at any pod, with its
// idempotency key, and write down what they were told. Meanwhile a Scenario kills pods and the database, cuts
// connections between two statements, or makes the payment provider slow, down, untruthful or repetitive. Then the
// faults end, the workers finish what is open, and three books are compared: the shoppers', the shop's database and
// the provider's own.
//
// What a run must show, whatever was broken:
//
//   - oversold 0: no SKU was sold more often than it was received.
//   - lost 0: every order that a shopper was told of exists, with that content.
//   - charged without order 0: the provider holds no money but that of orders that stand.
//   - charged twice 0: one capture an order, of its total; one order a checkout, however often it was repeated.
//   - nothing is left pending, and `meridian verify --strict` finds nothing.
//
// Callers: meridian chaos; and the tests, which also cut the connection of a pod of their own at each statement.
package chaos
