package verify

// limitChecks cover what bounds what one customer, or somebody hostile, may take.
var limitChecks = []check{
	{
		name: "unpaid_holders", about: "only an order that waits for its payment says who holds its units", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text, 'it is ' || o.status || ', and says who held its units unpaid'
FROM orders o
WHERE o.status <> 'pending_payment' AND (octet_length(o.unpaid_network) > 0 OR octet_length(o.unpaid_buyer) > 0)`,
	},
	{
		name: "first_orders", about: "what is given for a first order goes to the account that ordered, and to one order of it",
		over: "order_promotions", prefix: "ord",
		broken: `
SELECT g.region::text, g.order_id::text,
  'it was given ' || g.promotion || ' as the first order of an account that is not its own, or that has two'
FROM order_promotions g
JOIN orders o ON o.region = g.region AND o.id = g.order_id
LEFT JOIN order_promotions t ON t.region = g.region AND t.first_order_of = g.first_order_of AND t.order_id <> g.order_id
  AND t.released_at IS NULL AND g.released_at IS NULL
WHERE octet_length(g.first_order_of) > 0
  AND (o.account_id IS NULL OR t.order_id IS NOT NULL OR encode(g.first_order_of, 'hex') <> replace(o.account_id::text, '-', ''))`,
	},
	{
		name: "order_bounds", about: "no order comes to more than clients and sums can hold exactly", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text, 'its subtotal is ' || o.subtotal_minor::text || ' and its total ' || o.total_minor::text
FROM orders o
WHERE o.subtotal_minor > 100000000000000 OR o.total_minor > 100000000000000`,
	},
}
