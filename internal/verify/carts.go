package verify

// cartChecks cover carts and the orders they became.
var cartChecks = []check{
	{
		name: "ordered_carts", about: "a cart that was ordered has its order", over: "carts", prefix: "crt",
		broken: `
SELECT c.region::text, c.id::text, 'it was ordered, but no order is of it'
FROM carts c
LEFT JOIN orders o ON o.cart_region = c.region AND o.cart_id = c.id
WHERE c.status = 'ordered' AND o.id IS NULL`,
	},
	{
		// a cart that is not there has expired
		name: "order_carts", about: "an order's cart was ordered, once", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text, 'its cart ' || c.id::text || ' is ' || c.status || ' and has ' || n.orders::text || ' orders'
FROM orders o
JOIN carts c ON c.region = o.cart_region AND c.id = o.cart_id
JOIN (
  SELECT cart_region, cart_id, count(*) AS orders
  FROM orders
  GROUP BY cart_region, cart_id
) n ON n.cart_region = o.cart_region AND n.cart_id = o.cart_id
WHERE c.status <> 'ordered' OR n.orders > 1`,
	},
	{
		name: "cart_accounts", about: "a customer's cart is of an account that is there", over: "carts", prefix: "crt",
		broken: `
SELECT c.region::text, c.id::text, 'there is no account ' || c.account_id::text || ' in ' || coalesce(c.account_region::text, 'no region')
FROM carts c
LEFT JOIN accounts a ON a.region = c.account_region AND a.id = c.account_id
WHERE c.account_id IS NOT NULL AND a.id IS NULL`,
	},
}
