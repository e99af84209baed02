package order

import (
	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/regions"
)

// OrderedSQL returns a condition that an account has an order that is not cancelled. The
// arguments are SQL for the account's region and id.
func OrderedSQL(region, account string) string {
	return `EXISTS (SELECT 1 FROM orders b WHERE b.region = ` + region + ` AND b.account_id = ` + account + ` AND b.status <> 'cancelled')`
}

// QueueBuyer adds to a batch the reading of what prices depend on of an account, as carts have it.
// An account that does not exist leaves into as it is.
func QueueBuyer(b *database.Batch, customer regions.Ref, into *cart.Buyer) {
	b.Queue(`
SELECT a.customer_group, NOT `+OrderedSQL("a.region", "a.id")+`
FROM `+account.CustomersSQL+` a
WHERE a.region = $1 AND a.id = $2`, customer.Region, customer.ID).Query(
		database.CollectFirst(into, func(row pgx.CollectableRow) (buyer cart.Buyer, err error) {
			err = row.Scan(&buyer.Group, &buyer.FirstOrder)
			return buyer, err
		}))
}

// BoughtSQL returns a condition that an order of an account holds a product and was paid. A
// payment that was given back before anything was sent is not a purchase. The arguments are SQL
// for the account's region and id and the product's id.
func BoughtSQL(region, account, product string) string {
	return `EXISTS (
  SELECT 1
  FROM orders b
  JOIN order_lines bl ON bl.region = b.region AND bl.order_id = b.id AND bl.product_id = ` + product + `
  WHERE b.region = ` + region + ` AND b.account_id = ` + account + `
     AND b.status IN ('paid', 'packed', 'shipped', 'delivered', 'returned'))`
}

// LatestProductsSQL is a query of the products (product_id) of an account's last orders: $1 =
// region, $2 = account, $3 = most orders, $4 = most products.
const LatestProductsSQL = `
SELECT l.product_id
FROM (
  SELECT o.region, o.id
  FROM orders o
  WHERE o.region = $1 AND o.account_id = $2
  ORDER BY o.placed_at DESC, o.id DESC
  LIMIT $3::int8
) latest
JOIN order_lines l ON l.region = latest.region AND l.order_id = latest.id
GROUP BY l.product_id
LIMIT $4::int8`

// UnpaidSQL is a query of when orders were placed (at) that wait for their payment: $1 = region,
// $2 = most rows.
const UnpaidSQL = `
SELECT placed_at AS at FROM orders WHERE region = $1 AND status = 'pending_payment' ORDER BY placed_at LIMIT $2::int8`

// RevenueSQL is what moved money from $1 until just before $2, for the FROM clause of a report:
// orders o that were paid, and those of which a refund succeeded, as
//
//	e (region, order_id, day, refund_minor, refunded_before)
//	l (reporting_currency, reporting_rate, units, gross, tax, discount, reporting_gross, reporting_tax)
//
// where refund_minor is 0 for an order that was paid, refunded_before is what was given back of
// the order before, and l sums up the order's lines. Money that came in after its order was
// cancelled, and the refund of it, are left out.
const RevenueSQL = `(
  SELECT h.region, h.order_id, date_trunc('day', h.at), 0::int8, 0::int8
  FROM order_history h
  WHERE h.status = 'paid' AND h.at >= $1 AND h.at < $2
    -- a refund in part is a version too, and leaves the order paid
    AND NOT EXISTS (
      SELECT 1
      FROM order_history p
      WHERE p.region = h.region AND p.order_id = h.order_id AND p.status = 'paid' AND p.version < h.version)
  UNION ALL
  SELECT r.region, r.order_id, date_trunc('day', r.updated_at), r.amount_minor, coalesce((
    SELECT sum(b.amount_minor)
    FROM ` + payment.SucceededRefundsSQL + ` b
    WHERE b.region = r.region AND b.order_id = r.order_id
      AND (b.updated_at < r.updated_at OR (b.updated_at = r.updated_at AND b.id < r.id))), 0)::int8
  FROM ` + payment.SucceededRefundsSQL + ` r
  WHERE r.updated_at >= $1 AND r.updated_at < $2
    -- not of an order that was cancelled before its money came
    AND EXISTS (
      SELECT 1
      FROM order_history p
      WHERE p.region = r.region AND p.order_id = r.order_id AND p.status = 'paid')
) AS e (region, order_id, day, refund_minor, refunded_before)
JOIN orders o ON o.region = e.region AND o.id = e.order_id
CROSS JOIN LATERAL (
  SELECT coalesce(min(n.reporting_currency), '') AS reporting_currency, coalesce(min(n.reporting_rate), '') AS reporting_rate,
    coalesce(sum(n.quantity), 0)::int8 AS units, coalesce(sum(n.total_minor), 0)::int8 AS gross,
    coalesce(sum(n.tax_minor), 0)::int8 AS tax, coalesce(sum(n.discount_minor), 0)::int8 AS discount,
    coalesce(sum(n.reporting_total_minor), 0)::int8 AS reporting_gross, coalesce(sum(n.reporting_tax_minor), 0)::int8 AS reporting_tax
  FROM order_lines n
  WHERE n.region = e.region AND n.order_id = e.order_id
) AS l`
