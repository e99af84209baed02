package verify

// paymentChecks cover money taken and given back.
var paymentChecks = []check{
	{
		name: "order_payment", about: "an order has one payment, of its total", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text,
  CASE WHEN p.n IS NULL THEN 'it has no payment'
       WHEN p.n > 1 THEN 'it has ' || p.n::text || ' payments'
       ELSE 'total ' || o.total_minor::text || ' ' || o.currency || ', payment ' || p.amount::text || ' ' || p.currency END
FROM orders o
LEFT JOIN (
  SELECT region, order_id, count(*) AS n, sum(amount_minor) AS amount, min(currency) AS currency
  FROM payments
  GROUP BY region, order_id
) p ON p.region = o.region AND p.order_id = o.id
WHERE p.n IS NULL OR p.n > 1 OR p.amount <> o.total_minor OR p.currency <> o.currency`,
	},
	{
		name: "paid_orders_captured", about: "an order that was paid has its total captured", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text,
  o.status || ', total ' || o.total_minor::text || ', but ' || coalesce(p.captured_minor, 0)::text || ' is captured and the payment is '
  || coalesce(p.status, 'missing')
FROM orders o
LEFT JOIN payments p ON p.region = o.region AND p.order_id = o.id
WHERE o.status IN ('paid', 'packed', 'shipped', 'delivered', 'returned', 'refunded')
  AND (p.id IS NULL OR p.status <> 'captured' OR p.captured_minor <> o.total_minor)`,
	},
	{
		name: "captured_orders_moved", about: "an order does not wait for a payment that is captured", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text, 'it waits, but its payment of ' || p.captured_minor::text || ' is captured'
FROM orders o
JOIN payments p ON p.region = o.region AND p.order_id = o.id
WHERE o.status = 'pending_payment' AND p.status = 'captured'`,
	},
	{
		// a refund that failed is still owed: refunds_failed reports it
		name: "cancelled_orders_refunded", about: "what was captured for a cancelled order is promised back", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text,
  p.captured_minor::text || ' was captured, ' || p.refunded_minor::text || ' is promised back, ' || coalesce(f.failed, 0)::text || ' failed'
FROM orders o
JOIN payments p ON p.region = o.region AND p.order_id = o.id
LEFT JOIN (
  SELECT region, payment_id, sum(amount_minor) AS failed
  FROM refunds
  WHERE status = 'failed'
  GROUP BY region, payment_id
) f ON f.region = p.region AND f.payment_id = p.id
WHERE o.status = 'cancelled' AND p.captured_minor > p.refunded_minor + coalesce(f.failed, 0)`,
	},
	{
		name: "payment_limits", about: "0 <= refunded <= captured <= amount, and all of it is captured or nothing", over: "payments",
		prefix: "pay",
		broken: `
SELECT p.region::text, p.id::text,
  p.status || ', amount ' || p.amount_minor::text || ', captured ' || p.captured_minor::text || ', refunded ' || p.refunded_minor::text
FROM payments p
WHERE p.refunded_minor < 0 OR p.refunded_minor > p.captured_minor OR p.captured_minor > p.amount_minor
  OR p.captured_minor <> CASE p.status WHEN 'captured' THEN p.amount_minor ELSE 0 END`,
	},
	{
		name: "refunded_sum", about: "a payment's refunded amount is the sum of its refunds that did not fail", over: "payments", prefix: "pay",
		broken: `
SELECT p.region::text, p.id::text, p.refunded_minor::text || ' is refunded; the refunds say ' || coalesce(r.amount, 0)::text
FROM payments p
LEFT JOIN (
  SELECT region, payment_id, sum(amount_minor) AS amount
  FROM refunds
  WHERE status IN ('pending', 'succeeded')
  GROUP BY region, payment_id
) r ON r.region = p.region AND r.payment_id = p.id
WHERE p.refunded_minor <> coalesce(r.amount, 0)`,
	},
	{
		name: "refund_payment", about: "a refund is of its own order's payment, in its currency", over: "refunds", prefix: "rfd",
		broken: `
SELECT r.region::text, r.id::text, r.amount_minor::text || ' ' || r.currency || ' of a payment in ' || p.currency || ' for order '
  || p.order_id::text
FROM refunds r
JOIN payments p ON p.region = r.region AND p.id = r.payment_id
WHERE p.order_id <> r.order_id OR p.currency <> r.currency`,
	},
	{
		name: "refunded_lines", about: "what is refunded of a line is within it, and the sum of its refunds", over: "order_lines", prefix: "ord",
		broken: `
SELECT l.region::text, l.order_id::text,
  'line ' || l.line_no::text || ' of ' || l.quantity::text || ' units and ' || l.total_minor::text || ': refunded '
  || l.refunded_quantity::text || ' and ' || l.refunded_minor::text || '; the refunds say '
  || coalesce(r.quantity, 0)::text || ' and ' || coalesce(r.amount, 0)::text
FROM order_lines l
LEFT JOIN (
  SELECT f.region, f.order_id, (part.line ->> 'line_no')::int8 AS line_no,
    sum((part.line ->> 'quantity')::int8) AS quantity, sum((part.line ->> 'amount_minor')::int8) AS amount
  FROM refunds f
  CROSS JOIN LATERAL jsonb_array_elements(f.lines) AS part (line)
  -- a failed refund is still owed; the one in its place repeats its lines
  WHERE f.status <> 'replaced'
  GROUP BY f.region, f.order_id, (part.line ->> 'line_no')::int8
) r ON r.region = l.region AND r.order_id = l.order_id AND r.line_no = l.line_no
WHERE l.refunded_quantity NOT BETWEEN 0 AND l.quantity OR l.refunded_minor NOT BETWEEN 0 AND l.total_minor
  OR l.refunded_quantity <> coalesce(r.quantity, 0) OR l.refunded_minor <> coalesce(r.amount, 0)`,
	},
	{
		name: "payments_overdue", about: "no payment is open an hour after its order was decided", over: "payments", prefix: "pay", warning: true,
		broken: `
SELECT p.region::text, p.id::text, p.status || ', though the order is ' || o.status || ' since ' || o.updated_at::text
FROM payments p
JOIN orders o ON o.region = p.region AND o.id = p.order_id
WHERE p.status IN ('pending', 'requires_action') AND o.status <> 'pending_payment' AND o.updated_at < now() - INTERVAL '1 hour'`,
	},
	{
		name: "payments_set_aside", about: "no payment of which another amount was taken than was asked for waits for a person",
		over: "payments", prefix: "pay", warning: true,
		broken: `
SELECT p.region::text, p.id::text, p.status || ', set aside at ' || p.set_aside_at::text || ': ' || p.amount_minor::text || ' '
  || p.currency || ' were asked for'
FROM payments p
WHERE p.set_aside_at IS NOT NULL AND p.updated_at <= p.set_aside_at AND p.status <> 'captured'`,
	},
	{
		name: "refunds_overdue", about: "no refund waits for more than an hour to be sent", over: "refunds", prefix: "rfd", warning: true,
		broken: `
SELECT r.region::text, r.id::text, 'promised at ' || r.created_at::text || ', tried ' || r.attempts::text || ' times'
FROM refunds r
WHERE r.status = 'pending' AND NOT r.made_at_provider AND r.created_at < now() - INTERVAL '1 hour'`,
	},
	{
		name: "provider_refunds", about: "what a provider gave back once is one refund that did not fail, and one made there has its name",
		over: "refunds", prefix: "rfd",
		broken: `
SELECT r.region::text, r.id::text,
  CASE WHEN r.provider_ref = '' THEN 'made at the provider, under no name' ELSE r.provider_ref || ' counts ' || same.n::text || ' times' END
FROM refunds r
JOIN (
  SELECT region, payment_id, provider_ref, count(*) AS n
  FROM refunds
  WHERE status IN ('pending', 'succeeded')
  GROUP BY region, payment_id, provider_ref
) same ON same.region = r.region AND same.payment_id = r.payment_id AND same.provider_ref = r.provider_ref
WHERE r.status IN ('pending', 'succeeded') AND CASE WHEN r.provider_ref = '' THEN r.made_at_provider ELSE same.n > 1 END`,
	},
	{
		name: "provider_books", about: "no difference between a provider's books and the shop's waits for a person", over: "payment_checks",
		prefix: "pay", warning: true,
		broken: `
SELECT c.region::text, c.payment_id::text,
  c.provider || ' ' || c.provider_ref || ' since ' || c.found_at::text || ': ' || c.differences::text
FROM payment_checks c
WHERE c.found_at IS NOT NULL`,
	},
	{
		name: "refunds_failed", about: "no refund that failed still waits for an operator to send it again", over: "refunds",
		prefix: "rfd", warning: true,
		broken: `
SELECT r.region::text, r.id::text, r.amount_minor::text || ' ' || r.currency || ' are owed'
FROM refunds r
JOIN payments p ON p.region = r.region AND p.id = r.payment_id
WHERE r.status = 'failed' AND p.refunded_minor < p.captured_minor`,
	},
}
