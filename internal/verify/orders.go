package verify

import "meridian/regions"

// orderChecks cover orders, their lines and their history.
var orderChecks = []check{
	{
		name: "line_totals", about: "a line's subtotal is unit price × quantity, and its total is that less its discount, with its tax",
		over: "order_lines", prefix: "ord",
		broken: `
SELECT l.region::text, l.order_id::text,
  'line ' || l.line_no::text || ': ' || l.quantity::text || ' × ' || l.unit_price_minor::text || ', subtotal ' || l.subtotal_minor::text
  || ', discount ' || l.discount_minor::text || ', tax ' || l.tax_minor::text || ', total ' || l.total_minor::text
FROM order_lines l
JOIN orders o ON o.region = l.region AND o.id = l.order_id
WHERE l.subtotal_minor <> l.unit_price_minor::numeric * l.quantity
  OR l.discount_minor < 0 OR l.discount_minor > l.subtotal_minor
  OR l.tax_minor < 0 OR l.tax_minor > l.subtotal_minor - l.discount_minor
  OR l.total_minor::numeric <> l.subtotal_minor::numeric - l.discount_minor + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_minor END`,
	},
	{
		name: "order_totals", about: "an order's amounts are the sums of its lines, and its total is all of them with shipping",
		over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text,
  'subtotal, discount, shipping, tax, total are ' || o.subtotal_minor::text || ', ' || o.discount_minor::text || ', '
  || o.shipping_minor::text
  || ', ' || o.tax_minor::text || ', ' || o.total_minor::text || '; the lines'' subtotal, discount, tax, total are '
  || coalesce(l.subtotal, 0)::text
  || ', ' || coalesce(l.discount, 0)::text || ', ' || coalesce(l.tax, 0)::text || ', ' || coalesce(l.total, 0)::text
FROM orders o
LEFT JOIN (
  SELECT region, order_id, sum(subtotal_minor) AS subtotal, sum(discount_minor) AS discount, sum(tax_minor) AS tax,
  sum(total_minor) AS total
  FROM order_lines
  GROUP BY region, order_id
) l ON l.region = o.region AND l.order_id = o.id
WHERE l.order_id IS NULL OR o.subtotal_minor <> l.subtotal OR o.discount_minor <> l.discount OR o.tax_minor <> l.tax
  OR o.total_minor <> l.total + o.shipping_minor
  OR o.total_minor::numeric <> o.subtotal_minor::numeric - o.discount_minor + o.shipping_minor + CASE WHEN o.prices_include_tax THEN 0
  ELSE o.tax_minor END`,
	},
	{
		name: "order_history", about: "an order's history has every version up to now, the last one its status", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text,
  'version ' || o.version::text || ', ' || o.status || '; the history has ' || coalesce(h.n, 0)::text || ' versions from '
  || coalesce(h.lowest, 0)::text || ' to ' || coalesce(h.highest, 0)::text || ', the last ' || coalesce(latest.status, 'missing')
FROM orders o
LEFT JOIN (
  SELECT region, order_id, count(*) AS n, min(version) AS lowest, max(version) AS highest
  FROM order_history
  GROUP BY region, order_id
) h ON h.region = o.region AND h.order_id = o.id
LEFT JOIN order_history latest ON latest.region = o.region AND latest.order_id = o.id AND latest.version = o.version
WHERE h.order_id IS NULL OR h.n <> o.version OR h.lowest <> 1 OR h.highest <> o.version OR latest.status IS NULL
  OR latest.status <> o.status`,
	},
	{
		name: "order_transitions", about: "every step of an order's history is one that the state machine has", over: "order_history",
		prefix: "ord",
		args:   func(*regions.Set) []any { return transitionColumns() },
		broken: `
SELECT b.region::text, b.order_id::text,
  'version ' || b.version::text || ' went from ' || coalesce(a.status, 'nothing') || ' to ' || b.status
FROM order_history b
LEFT JOIN order_history a ON a.region = b.region AND a.order_id = b.order_id AND a.version = b.version - 1
WHERE (b.version = 1 OR a.version IS NOT NULL)
  AND NOT EXISTS (
    SELECT 1
    FROM unnest($1::text[], $2::text[]) AS allowed (old_status, new_status)
    WHERE allowed.old_status = coalesce(a.status, '') AND allowed.new_status = b.status)`,
	},
	{
		name: "cancelled_with_reason", about: "an order has a reason for its cancellation exactly if it is cancelled", over: "orders",
		prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text, o.status || ', cancelled for ' || CASE o.cancel_reason WHEN '' THEN 'no reason' ELSE o.cancel_reason END
FROM orders o
WHERE (o.status = 'cancelled') <> (o.cancel_reason <> '')`,
	},
	{
		name: "orders_overdue", about: "no order waits for its payment 10 minutes longer than it should", over: "orders", prefix: "ord",
		warning: true,
		broken: `
SELECT o.region::text, o.id::text, 'it should have been given up at ' || o.expires_at::text
FROM orders o
WHERE o.status = 'pending_payment' AND o.expires_at < now() - INTERVAL '10 minutes'`,
	},
}

// transitions lists what may follow what in an order's history; the first line is of new orders. It repeats the state
// machine of package order on purpose: an audit that shared it would repeat its mistakes. A refund that leaves the
// order as it was, such as of the shipping after that of all goods, is a version without a step.
var transitions = map[string][]string{
	"":                {"pending_payment"},
	"pending_payment": {"paid", "cancelled"},
	"paid":            {"paid", "packed", "refunded"},
	"packed":          {"packed", "shipped", "refunded"},
	"shipped":         {"shipped", "delivered", "returned", "refunded"},
	"delivered":       {"delivered", "returned", "refunded"},
	"returned":        {"returned", "refunded"},
	"refunded":        {"refunded"},
	"cancelled":       nil,
}

// transitionColumns returns the transitions as two arrays.
func transitionColumns() []any {
	var before, after []string
	for from, all := range transitions {
		for _, to := range all {
			before, after = append(before, from), append(after, to)
		}
	}
	return []any{before, after}
}
