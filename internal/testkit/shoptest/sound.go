package shoptest

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

// WantSound fails the test if anything about the shop's stock, promotions and orders breaks an invariant.
func WantSound(t testing.TB, db *database.DB) {
	t.Helper()
	wantNone(t, Unsound(t, db))
}

// WantStockSound fails the test unless every counter of stock is the sum of its movements and of its reservations.
func WantStockSound(t testing.TB, db *database.DB) {
	t.Helper()
	wantNone(t, found(t, db, unsoundStock))
}

// WantPromotionsSound fails the test unless every counter of a promotion is the number of the uses it counts.
func WantPromotionsSound(t testing.TB, db *database.DB) {
	t.Helper()
	wantNone(t, found(t, db, unsoundPromotions))
}

// Unsound returns the broken invariants of stock, promotions and orders, each with the number of rows that break it.
func Unsound(t testing.TB, db *database.DB) []string {
	t.Helper()
	return found(t, db, unsoundStock, unsoundPromotions, unsoundOrders)
}

func wantNone(t testing.TB, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

// found returns the checks that count something. It asks for all of them in one statement.
func found(t testing.TB, db *database.DB, checks ...map[string]string) []string {
	t.Helper()
	var parts []string
	for _, group := range checks {
		for what, sql := range group {
			parts = append(parts, "SELECT '"+what+"' AS what, ("+sql+") AS n")
		}
	}
	return testkit.Must(database.List(context.WithoutCancel(t.Context()), db, pgx.RowTo[string], `
SELECT c.n::text || ' ' || c.what
FROM (`+strings.Join(parts, " UNION ALL ")+`) AS c
WHERE c.n > 0`))(t)
}

// unsoundStock counts faults of stock, by what is wrong.
var unsoundStock = map[string]string{
	"stock rows that are not the sums of their ledger and reservations": `
SELECT count(*)
FROM stock s
LEFT JOIN (
  SELECT region, sku, warehouse, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved, sum(allocated_delta) AS allocated
  FROM stock_movements GROUP BY region, sku, warehouse
) m ON m.region = s.region AND m.sku = s.sku AND m.warehouse = s.warehouse
LEFT JOIN (
  SELECT region, sku, warehouse,
    sum(CASE status WHEN 'held' THEN quantity ELSE 0 END) AS held,
    sum(CASE status WHEN 'allocated' THEN quantity ELSE 0 END) AS allocated
  FROM reservations GROUP BY region, sku, warehouse
) r ON r.region = s.region AND r.sku = s.sku AND r.warehouse = s.warehouse
WHERE s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0) OR s.allocated <> coalesce(m.allocated, 0)
  OR s.reserved <> coalesce(r.held, 0) OR s.allocated <> coalesce(r.allocated, 0)`,
}

// unsoundPromotions counts faults of promotions, by what is wrong.
var unsoundPromotions = map[string]string{
	"promotions whose uses are not those of their orders": `
SELECT count(*)
FROM promotion_uses u
WHERE u.used <> (SELECT count(*) FROM order_promotions g WHERE g.promotion = u.promotion AND g.limited AND g.released_at IS NULL)`,
	"customers whose uses of promotions are not those of their orders": `
SELECT count(*)
FROM promotion_customer_uses u
WHERE u.used <> (SELECT count(*) FROM order_promotions g WHERE g.promotion = u.promotion
    AND u.customer IN (g.customer, g.account) AND g.released_at IS NULL)`,
	"uses of promotions that no counter has": `
SELECT count(*)
FROM order_promotions g
WHERE g.released_at IS NULL AND (
  g.limited AND NOT EXISTS (SELECT 1 FROM promotion_uses u WHERE u.promotion = g.promotion)
  OR octet_length(g.customer) > 0 AND NOT EXISTS (SELECT 1 FROM promotion_customer_uses u WHERE u.promotion = g.promotion
    AND u.customer = g.customer))`,
}

// unsoundOrders counts faults of orders, by what is wrong.
var unsoundOrders = map[string]string{
	"orders whose reservations are not in the state of the order": `
SELECT count(*)
FROM orders o
JOIN reservations r ON r.order_region = o.region AND r.order_id = o.id
WHERE NOT CASE o.status
  WHEN 'pending_payment' THEN r.status = 'held'
  WHEN 'cancelled' THEN r.status = 'released'
  WHEN 'paid' THEN r.status IN ('allocated', 'released')
  WHEN 'packed' THEN r.status IN ('allocated', 'released')
  ELSE r.status IN ('shipped', 'released')
END`,
	"lines of unsent orders whose units are not the ones held": `
SELECT count(*)
FROM orders o
JOIN order_lines l ON l.region = o.region AND l.order_id = o.id
WHERE o.status IN ('pending_payment', 'paid', 'packed')
  AND l.quantity - l.refunded_quantity <> (
    SELECT coalesce(sum(r.quantity), 0)
    FROM reservations r
    WHERE r.order_region = o.region AND r.order_id = o.id AND r.line_no = l.line_no AND r.status IN ('held', 'allocated'))`,
	"orders whose history is not complete": `
SELECT count(*)
FROM orders o
WHERE o.version <> (SELECT count(*) FROM order_history h WHERE h.region = o.region AND h.order_id = o.id)
  OR o.status <> (SELECT h.status FROM order_history h WHERE h.region = o.region AND h.order_id = o.id AND h.version = o.version)`,
	"transitions that happened twice": `
SELECT count(*)
FROM order_history h
JOIN order_history p ON p.region = h.region AND p.order_id = h.order_id AND p.version = h.version - 1
JOIN order_history q ON q.region = h.region AND q.order_id = h.order_id AND q.version < h.version
WHERE q.status = h.status AND p.status <> h.status`,
	"transitions without an event (counted by transaction, which several orders may share)": `
SELECT count(*)
FROM (
  SELECT change.topic, change.at
  FROM (
    SELECT 'order.' || o.status AS topic, min(h.at) AS at, 1 AS n
    FROM orders o
    JOIN order_history h ON h.region = o.region AND h.order_id = o.id AND h.status = o.status
    WHERE o.status IN ('paid', 'packed', 'shipped', 'delivered', 'cancelled')
    GROUP BY o.region, o.id, o.status
    UNION ALL
    SELECT e.topic, e.created_at, -1
    FROM (SELECT DISTINCT topic, key, created_at FROM outbox WHERE payload ->> 'order_id' = key) AS e
  ) AS change
  GROUP BY change.topic, change.at
  HAVING sum(change.n) > 0
) AS missing`,
	"cancelled orders whose money was not paid back": `
SELECT count(*)
FROM orders o
JOIN payments p ON p.region = o.region AND p.id = o.id
WHERE o.status = 'cancelled' AND p.captured_minor <> (
  SELECT coalesce(sum(r.amount_minor), 0)
  FROM refunds r
  WHERE r.region = o.region AND r.order_id = o.id AND r.status IN ('pending', 'succeeded', 'failed'))`,
	"orders that will never be sent and still hold units": `
SELECT count(*)
FROM orders o
JOIN reservations r ON r.order_region = o.region AND r.order_id = o.id
WHERE o.status IN ('cancelled', 'refunded', 'returned') AND r.status IN ('held', 'allocated')`,
	"payments whose promised refunds do not add up": `
SELECT count(*)
FROM payments p
WHERE p.refunded_minor <> (
  SELECT coalesce(sum(r.amount_minor), 0)
  FROM refunds r
  WHERE r.region = p.region AND r.payment_id = p.id AND r.status IN ('pending', 'succeeded'))`,
	"paid orders without their money": `
SELECT count(*)
FROM orders o
JOIN payments p ON p.region = o.region AND p.id = o.id
WHERE o.status NOT IN ('pending_payment', 'cancelled') AND (p.status <> 'captured' OR p.captured_minor <> o.total_minor)`,
	"orders whose discounts are not those of their lines and promotions": `
SELECT count(*)
FROM orders o
WHERE o.discount_minor <> (SELECT sum(l.discount_minor) FROM order_lines l WHERE l.region = o.region AND l.order_id = o.id)
  OR o.discount_minor <> (SELECT coalesce(sum(g.discount_minor), 0) FROM order_promotions g WHERE g.region = o.region
    AND g.order_id = o.id)`,
	"uses of promotions that outlive a cancelled order, or were released by another": `
SELECT count(*)
FROM order_promotions g
JOIN orders o ON o.region = g.region AND o.id = g.order_id
WHERE (g.released_at IS NOT NULL) <> (o.status = 'cancelled')`,
	"orders whose totals do not add up": `
SELECT count(*)
FROM orders o
WHERE o.total_minor - o.shipping_minor <> (SELECT sum(l.total_minor) FROM order_lines l WHERE l.region = o.region AND l.order_id = o.id)
  OR o.total_minor <> (SELECT p.amount_minor FROM payments p WHERE p.region = o.region AND p.id = o.id)`,
}
