package verify

// stockChecks cover what the shop has in stock and to whom it is promised. In those that can run over a part of the stock,
// {and} and {where} stand for the part (see check.text).
var stockChecks = []check{
	{
		name: "stock_ledger", about: "the counters of a stock row are the sums of its movements", over: "stock",
		broken: `
SELECT s.region::text, s.warehouse || '/' || s.sku,
  'on_hand, reserved, allocated are ' || s.on_hand::text || ', ' || s.reserved::text || ', ' || s.allocated::text || '; the movements say '
  || coalesce(m.on_hand, 0)::text || ', ' || coalesce(m.reserved, 0)::text || ', ' || coalesce(m.allocated, 0)::text
FROM stock s
LEFT JOIN (
  SELECT region, sku, warehouse,
    sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved, sum(allocated_delta) AS allocated
  FROM stock_movements{where}
  GROUP BY region, sku, warehouse
) m ON m.region = s.region AND m.sku = s.sku AND m.warehouse = s.warehouse
WHERE {and}(s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0) OR s.allocated <> coalesce(m.allocated, 0))`,
	},
	{
		name: "stock_limits", about: "no counter is below zero, and reserved + allocated <= on_hand", over: "stock",
		broken: `
SELECT s.region::text, s.warehouse || '/' || s.sku,
  'on_hand, reserved, allocated are ' || s.on_hand::text || ', ' || s.reserved::text || ', ' || s.allocated::text
FROM stock s
WHERE {and}(s.on_hand < 0 OR s.reserved < 0 OR s.allocated < 0 OR s.reserved + s.allocated > s.on_hand)`,
	},
	{
		name: "stock_promises", about: "reserved and allocated are the sums of the row's held and allocated reservations", over: "stock",
		broken: `
SELECT s.region::text, s.warehouse || '/' || s.sku,
  'reserved, allocated are ' || s.reserved::text || ', ' || s.allocated::text || '; the reservations say '
  || coalesce(r.held, 0)::text || ', ' || coalesce(r.allocated, 0)::text
FROM stock s
LEFT JOIN (
  SELECT region, sku, warehouse,
    sum(CASE status WHEN 'held' THEN quantity ELSE 0 END) AS held,
    sum(CASE status WHEN 'allocated' THEN quantity ELSE 0 END) AS allocated
  FROM reservations{where}
  GROUP BY region, sku, warehouse
) r ON r.region = s.region AND r.sku = s.sku AND r.warehouse = s.warehouse
WHERE {and}(s.reserved <> coalesce(r.held, 0) OR s.allocated <> coalesce(r.allocated, 0))`,
	},
	{
		name: "stock_homes", about: "stock is in the region of its warehouse", over: "stock",
		broken: `
SELECT s.region::text, s.warehouse || '/' || s.sku, 'the warehouse is in ' || w.region::text
FROM stock s
JOIN warehouses w ON w.code = s.warehouse
WHERE {and}w.region <> s.region`,
	},
	{
		name: "reservation_orders", about: "a reservation is of a line of an order that knows where it is", over: "reservations", prefix: "rsv",
		broken: `
SELECT r.region::text, r.id::text,
  CASE WHEN o.id IS NULL THEN 'there is no order ' || r.order_id::text || ' in ' || r.order_region::text
       WHEN l.line_no IS NULL THEN 'order ' || r.order_id::text || ' has no line ' || r.line_no::text
       WHEN l.sku <> r.sku THEN 'it holds ' || r.sku || ' for a line of ' || l.sku
       ELSE 'order ' || r.order_id::text || ' does not know that it holds stock in this region' END
FROM reservations r
LEFT JOIN orders o ON o.region = r.order_region AND o.id = r.order_id
LEFT JOIN order_lines l ON l.region = r.order_region AND l.order_id = r.order_id AND l.line_no = r.line_no
WHERE o.id IS NULL OR l.line_no IS NULL OR l.sku <> r.sku OR NOT (r.region = ANY(o.stock_regions))`,
	},
	{
		name: "pending_orders_hold", about: "an order that waits for its payment holds all its units", over: "order_lines", prefix: "ord",
		broken: linePromises + `
WHERE o.status = 'pending_payment' AND (coalesce(r.held, 0) <> l.quantity OR coalesce(r.allocated, 0) <> 0 OR coalesce(r.shipped, 0) <> 0)`,
	},
	{
		name: "paid_orders_allocated", about: "an order that is paid and not shipped has all its units allocated but the refunded ones",
		over: "order_lines", prefix: "ord",
		broken: linePromises + `
WHERE o.status IN ('paid', 'packed')
  AND (coalesce(r.allocated, 0) <> l.quantity - l.refunded_quantity OR coalesce(r.held, 0) <> 0 OR coalesce(r.shipped, 0) <> 0)`,
	},
	{
		name: "sent_orders_shipped", about: "an order that was sent has shipped all its units but those refunded before", over: "order_lines",
		prefix: "ord",
		broken: linePromises + `
WHERE o.status IN ('shipped', 'delivered', 'returned')
  AND (coalesce(r.shipped, 0) NOT BETWEEN l.quantity - l.refunded_quantity AND l.quantity
    OR coalesce(r.held, 0) <> 0 OR coalesce(r.allocated, 0) <> 0)`,
	},
	{
		name: "ended_orders_hold_nothing", about: "a cancelled or refunded order holds no units", over: "order_lines", prefix: "ord",
		broken: linePromises + `
WHERE o.status = 'cancelled' AND (coalesce(r.held, 0) <> 0 OR coalesce(r.allocated, 0) <> 0 OR coalesce(r.shipped, 0) <> 0)
  OR o.status = 'refunded' AND (coalesce(r.held, 0) <> 0 OR coalesce(r.allocated, 0) <> 0 OR coalesce(r.shipped, 0) > l.quantity)`,
	},
	{
		name: "shipments_complete", about: "each warehouse that shipped units of an order has a shipment", over: "reservations", prefix: "ord",
		broken: `
SELECT DISTINCT r.order_region::text, r.order_id::text, 'warehouse ' || r.warehouse || ' shipped units without a shipment'
FROM reservations r
LEFT JOIN shipments p ON p.region = r.order_region AND p.order_id = r.order_id AND p.warehouse = r.warehouse
WHERE r.status = 'shipped' AND p.id IS NULL`,
	},
}

// linePromises compares each order line with what is promised to it in any warehouse.
const linePromises = `
SELECT o.region::text, o.id::text,
  o.status || ', line ' || l.line_no::text || ' of ' || l.quantity::text || ' (' || l.refunded_quantity::text
  || ' refunded): held, allocated, shipped are '
  || coalesce(r.held, 0)::text || ', ' || coalesce(r.allocated, 0)::text || ', ' || coalesce(r.shipped, 0)::text
FROM orders o
JOIN order_lines l ON l.region = o.region AND l.order_id = o.id
LEFT JOIN (
  SELECT order_region, order_id, line_no,
    sum(CASE status WHEN 'held' THEN quantity ELSE 0 END) AS held,
    sum(CASE status WHEN 'allocated' THEN quantity ELSE 0 END) AS allocated,
    sum(CASE status WHEN 'shipped' THEN quantity ELSE 0 END) AS shipped
  FROM reservations
  GROUP BY order_region, order_id, line_no
) r ON r.order_region = l.region AND r.order_id = l.order_id AND r.line_no = l.line_no`
