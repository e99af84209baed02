package order

import (
	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/internal/database"
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
WHERE a.region = $1 AND a.id = $2`, customer.Region, customer.ID).Query(database.CollectFirst(into, func(row pgx.CollectableRow) (buyer cart.Buyer, err error) {
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
  WHERE b.region = ` + region + ` AND b.account_id = ` + account + ` AND b.status IN ('paid', 'packed', 'shipped', 'delivered', 'returned'))`
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
const UnpaidSQL = `SELECT placed_at AS at FROM orders WHERE region = $1 AND status = 'pending_payment' ORDER BY placed_at LIMIT $2::int8`

// FirstPaidSQL is a query of the orders (region, order_id, at) that were first paid from $1 until
// $2. A refund in part is a version too, and leaves the order paid: it does not count again.
const FirstPaidSQL = `
  SELECT h.region, h.order_id, h.at
  FROM order_history h
  WHERE h.status = 'paid' AND h.at >= $1 AND h.at < $2
    AND NOT EXISTS (
      SELECT 1
      FROM order_history p
      WHERE p.region = h.region AND p.order_id = h.order_id AND p.status = 'paid' AND p.version < h.version)`

// WasPaidSQL returns a condition that an order was paid. The arguments
// are SQL for its region and id.
func WasPaidSQL(region, order string) string {
	return `EXISTS (SELECT 1 FROM order_history p WHERE p.region = ` + region + ` AND p.order_id = ` + order + ` AND p.status = 'paid')`
}

// FiguresSQL is what the orders of events e (region, order_id) are worth, for a FROM clause:
// of the order o market, currency and shipping_minor; of all its lines l the sums units, gross,
// tax, discount, reporting_gross and reporting_tax, with reporting_currency and reporting_rate.
const FiguresSQL = `
JOIN orders o ON o.region = e.region AND o.id = e.order_id
CROSS JOIN LATERAL (
  SELECT coalesce(min(n.reporting_currency), '') AS reporting_currency, coalesce(min(n.reporting_rate), '') AS reporting_rate,
    coalesce(sum(n.quantity), 0)::int8 AS units, coalesce(sum(n.total_minor), 0)::int8 AS gross,
    coalesce(sum(n.tax_minor), 0)::int8 AS tax, coalesce(sum(n.discount_minor), 0)::int8 AS discount,
    coalesce(sum(n.reporting_total_minor), 0)::int8 AS reporting_gross, coalesce(sum(n.reporting_tax_minor), 0)::int8 AS reporting_tax
  FROM order_lines n
  WHERE n.region = e.region AND n.order_id = e.order_id
) AS l`
