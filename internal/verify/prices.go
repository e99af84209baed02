package verify

import (
	"strings"

	"meridian/regions"
)

// priceChecks cover prices, the reasons for the prices of order lines, and promotions.
var priceChecks = []check{
	{
		name: "price_periods", about: "a SKU has at most one price in a list for a quantity at any moment", over: "price_entries",
		broken: `
SELECT '', e.sku,
  'in ' || e.list || ', from ' || e.min_quantity::text || ' units, the price since ' || e.valid_from::text || ' lasts until '
  || coalesce(e.valid_to::text, 'ever') || ', and the next begins at ' || e.next_from::text
FROM (
  SELECT sku, list, min_quantity, valid_from, valid_to,
    lead(valid_from) OVER (PARTITION BY sku, list, min_quantity ORDER BY valid_from) AS next_from
  FROM price_entries
  WHERE valid_to IS NULL OR valid_to > valid_from -- not those that never were
) e
WHERE e.next_from IS NOT NULL AND (e.valid_to IS NULL OR e.valid_to > e.next_from)`,
	},
	{
		name: "orders_booked", about: "the lines of an order are booked in one reporting currency at one rate", over: "order_lines",
		prefix: "ord",
		broken: `
SELECT l.region::text, l.order_id::text, 'its lines are booked at ' || min(l.reporting_rate) || ' and ' || max(l.reporting_rate)
FROM order_lines l
GROUP BY l.region, l.order_id
HAVING min(l.reporting_currency) <> max(l.reporting_currency) OR min(l.reporting_rate) <> max(l.reporting_rate)
  OR (max(l.reporting_currency) = '') <> (max(l.reporting_rate) = '')`,
	},
	{
		name: "line_derivations", about: "an order line's amounts are those of its derivation", over: "order_lines", prefix: "ord",
		broken: `
SELECT l.region::text, l.order_id::text,
  'line ' || l.line_no::text || ': ' || l.quantity::text || ' × ' || l.unit_price_minor::text || ', subtotal ' || l.subtotal_minor::text
  || ', discount ' || l.discount_minor::text || ', tax ' || l.tax_minor::text || ', total ' || l.total_minor::text || ' ' || o.currency
  || '; the derivation says ' || coalesce(l.derivation ->> 'quantity', '-') || ' × ' || coalesce(l.derivation ->> 'unit_price_minor', '-')
  || ', subtotal ' || coalesce(l.derivation ->> 'subtotal_minor', '-') || ', discount ' || coalesce(l.derivation ->> 'discount_minor', '-')
  || ', tax ' || coalesce(l.derivation ->> 'tax_minor', '-') || ', total ' || coalesce(l.derivation ->> 'total_minor', '-')
  || ' ' || coalesce(l.derivation ->> 'currency', '-')
FROM order_lines l
JOIN orders o ON o.region = l.region AND o.id = l.order_id
WHERE o.priced_at IS NOT NULL -- older orders have no derivations
  AND (l.quantity::text IS DISTINCT FROM l.derivation ->> 'quantity'
    OR l.unit_price_minor::text IS DISTINCT FROM l.derivation ->> 'unit_price_minor'
    OR l.subtotal_minor::text IS DISTINCT FROM l.derivation ->> 'subtotal_minor'
    OR l.discount_minor::text IS DISTINCT FROM l.derivation ->> 'discount_minor'
    OR l.tax_minor::text IS DISTINCT FROM l.derivation ->> 'tax_minor'
    OR l.total_minor::text IS DISTINCT FROM l.derivation ->> 'total_minor'
    OR o.currency IS DISTINCT FROM l.derivation ->> 'currency')`,
	},
	{
		name: "line_bookings", about: "an order line's reporting amounts are its total and tax at the rate booked on it", over: "order_lines",
		prefix: "ord",
		args:   func(*regions.Set) []any { return []any{strings.Fields(withoutDecimals), strings.Fields(threeDecimals)} },
		// To the nearest, half to even, said without a division: twice the distance is at most a minor
		// unit, and where it is a whole one the booked amount is even.
		broken: `
SELECT b.region::text, b.order_id::text,
  'line ' || b.line_no::text || ': ' || b.total::text || ' with tax ' || b.tax::text || ' ' || b.currency || ' at ' || b.rate::text
  || ' are booked as ' || b.booked_total::text || ' with tax ' || b.booked_tax::text || ' ' || b.reporting_currency
FROM (
  SELECT l.region, l.order_id, l.line_no, o.currency, l.reporting_currency, r.rate,
    l.total_minor AS total, l.tax_minor AS tax, l.reporting_total_minor AS booked_total, l.reporting_tax_minor AS booked_tax,
    CASE WHEN o.currency = ANY($1::text[]) THEN 1 WHEN o.currency = ANY($2::text[]) THEN 1000 ELSE 100 END AS unit,
    CASE WHEN l.reporting_currency = ANY($1::text[]) THEN 1 WHEN l.reporting_currency = ANY($2::text[]) THEN 1000
    ELSE 100 END AS reporting_unit
  FROM order_lines l
  JOIN orders o ON o.region = l.region AND o.id = l.order_id
  CROSS JOIN LATERAL (
    SELECT CASE WHEN l.reporting_rate ~ '^[0-9]+([.][0-9]+)?$' THEN l.reporting_rate::numeric ELSE 0 END AS rate) r
  WHERE l.reporting_currency <> '' OR l.reporting_rate <> '' OR l.reporting_total_minor <> 0 OR l.reporting_tax_minor <> 0
) b
CROSS JOIN LATERAL (
  SELECT 2 * abs(b.total::numeric * b.rate * b.reporting_unit - b.booked_total::numeric * b.unit) AS total,
    2 * abs(b.tax::numeric * b.rate * b.reporting_unit - b.booked_tax::numeric * b.unit) AS tax) twice
WHERE b.reporting_currency = '' OR b.rate = 0
  OR twice.total > b.unit OR (twice.total = b.unit AND b.booked_total % 2 = 1)
  OR twice.tax > b.unit OR (twice.tax = b.unit AND b.booked_tax % 2 = 1)`,
	},
	{
		name: "order_promotions", about: "what promotions took off an order's goods is its discount", over: "orders", prefix: "ord",
		broken: `
SELECT o.region::text, o.id::text, 'its discount is ' || o.discount_minor::text || ', its promotions gave ' || coalesce(g.discount, 0)::text
FROM orders o
LEFT JOIN (
  SELECT region, order_id, sum(discount_minor) AS discount
  FROM order_promotions
  GROUP BY region, order_id
) g ON g.region = o.region AND g.order_id = o.id
WHERE o.discount_minor <> coalesce(g.discount, 0)`,
	},
	{
		name: "promotion_uses", about: "a promotion is used as often as orders have used it and not given it back", over: "promotion_uses",
		broken: `
SELECT '', coalesce(u.promotion, g.promotion), 'it counts ' || coalesce(u.used, 0)::text || ' uses, of ' || coalesce(g.orders, 0)::text
  || ' orders'
FROM promotion_uses u
FULL JOIN (
  SELECT promotion, count(*) AS orders
  FROM order_promotions
  WHERE limited AND released_at IS NULL
  GROUP BY promotion
) g ON g.promotion = u.promotion
WHERE coalesce(u.used, 0) <> coalesce(g.orders, 0)`,
	},
	{
		name: "promotion_customers", about: "a customer has used a promotion as often as the customer's orders have, and not given it back",
		over: "promotion_customer_uses",
		broken: `
SELECT '', coalesce(u.promotion, g.promotion),
  'for one customer it counts ' || coalesce(u.used, 0)::text || ' uses, of ' || coalesce(g.orders, 0)::text || ' orders'
FROM promotion_customer_uses u
FULL JOIN (
  SELECT counted.promotion, counted.customer, count(*) AS orders
  FROM (
    SELECT promotion, customer FROM order_promotions WHERE octet_length(customer) > 0 AND released_at IS NULL
    UNION ALL
    SELECT promotion, account FROM order_promotions WHERE octet_length(account) > 0 AND released_at IS NULL
  ) AS counted
  GROUP BY counted.promotion, counted.customer
) g ON g.promotion = u.promotion AND g.customer = u.customer
WHERE coalesce(u.used, 0) <> coalesce(g.orders, 0)`,
	},
	{
		name: "promotion_releases", about: "an order has given its uses of promotions back exactly if it is cancelled",
		over: "order_promotions", prefix: "ord",
		broken: `
SELECT g.region::text, g.order_id::text,
  'it is ' || o.status || ', and its use of ' || g.promotion || CASE WHEN g.released_at IS NULL THEN ' was not given back'
  ELSE ' was given back' END
FROM order_promotions g
JOIN orders o ON o.region = g.region AND o.id = g.order_id
WHERE (o.status = 'cancelled') <> (g.released_at IS NOT NULL)`,
	},
}

// The currencies of ISO 4217 whose minor unit is not a hundredth. They repeat those of package money on purpose: an audit
// that shared them would repeat its mistakes.
const (
	withoutDecimals = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals   = "BHD IQD JOD KWD LYD OMR TND"
)
