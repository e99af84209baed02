package order

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/regions"
)

// Get returns an order with all that belongs to it, or ErrNotFound. One round trip. Whose
// it is, the caller checks (OwnedBy).
func (o *Orders) Get(ctx context.Context, ref regions.Ref) (Order, error) {
	var order Order
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		queueGet(b, ref, &order)
		return nil
	})
	if err != nil {
		return Order{}, fmt.Errorf("get order: %w", err)
	}
	return order, nil
}

// OwnedBy reports whether the order is the account's.
func (o Order) OwnedBy(account regions.Ref) bool {
	return o.Account != nil && *o.Account == account.ID && o.Ref.Region == account.Region
}

// queueGet adds the reading of a whole order to a batch, which fails with ErrNotFound if
// there is none.
func queueGet(b *database.Batch, ref regions.Ref, into *Order) {
	b.Queue(`
SELECT `+orderColumns+`
FROM orders o
WHERE o.region = $1 AND o.id = $2`, ref.Region, ref.ID).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanOrder)
		if err == nil && len(found) == 0 {
			return ErrNotFound
		}
		if err == nil {
			*into = found[0]
		}
		return err
	})
	b.Queue(`
SELECT l.line_no, l.sku, l.product_id, l.title, l.quantity, l.unit_price_minor, l.subtotal_minor, l.tax_rate_bp, l.tax_minor, l.total_minor,
  l.refunded_quantity, l.refunded_minor, l.discount_minor, l.derivation
FROM order_lines l
WHERE l.region = $1 AND l.order_id = $2
ORDER BY l.line_no`, ref.Region, ref.ID).Query(database.Collect(&into.Lines, scanLine))
	b.Queue(`
SELECT `+payment.Columns+`
FROM payments p
WHERE p.region = $1 AND p.id = $2`, ref.Region, ref.ID).Query(database.CollectFirst(&into.Payment, payment.Scan))
	b.Queue(`
SELECT h.version, h.status, h.reason, h.actor, h.at
FROM order_history h
WHERE h.region = $1 AND h.order_id = $2
ORDER BY h.version`, ref.Region, ref.ID).Query(database.Collect(&into.History, scanChange))
	b.Queue(`
SELECT `+payment.RefundColumns+`
FROM refunds r
WHERE r.region = $1 AND r.order_id = $2
ORDER BY r.created_at, r.id`, ref.Region, ref.ID).Query(database.Collect(&into.Refunds, payment.ScanRefund))
	b.Queue(`
SELECT s.id, s.warehouse, s.carrier, s.tracking, s.shipped_at, s.delivered_at
FROM shipments s
WHERE s.region = $1 AND s.order_id = $2
ORDER BY s.warehouse`, ref.Region, ref.ID).Query(database.Collect(&into.Shipments, scanShipment))
}

// orderColumns are the columns of orders (as o) that scanOrder reads.
const orderColumns = `o.region, o.id, o.account_id, o.cart_region, o.cart_id, o.status, o.cancel_reason, o.version, o.transition_id,
  o.currency, o.country, o.subtotal_minor, o.shipping_minor, o.tax_minor, o.total_minor, o.prices_include_tax,
  o.email, o.ship_to, o.placed_at, o.updated_at, o.expires_at, o.discount_minor, o.market, o.customer_group, o.priced_at`

func scanOrder(row pgx.CollectableRow) (Order, error) {
	var o Order
	var pricedAt *time.Time // NULL in orders older than it
	err := row.Scan(&o.Ref.Region, &o.Ref.ID, &o.Account, &o.Cart.Region, &o.Cart.ID, &o.Status, &o.CancelReason, &o.Version, &o.transition,
		&o.Currency, &o.Country, &o.SubtotalMinor, &o.ShippingMinor, &o.TaxMinor, &o.TotalMinor, &o.PricesIncludeTax,
		&o.Email, &o.ShipTo, &o.PlacedAt, &o.UpdatedAt, &o.ExpiresAt, &o.DiscountMinor, &o.Market, &o.Group, &pricedAt)
	if pricedAt != nil {
		o.PricedAt = *pricedAt
	}
	return o, err
}

func scanLine(row pgx.CollectableRow) (Line, error) {
	var l Line
	err := row.Scan(&l.LineNo, &l.SKU, &l.ProductID, &l.Title, &l.Quantity, &l.UnitPriceMinor, &l.SubtotalMinor, &l.TaxRate, &l.TaxMinor, &l.TotalMinor,
		&l.RefundedQuantity, &l.RefundedMinor, &l.DiscountMinor, &l.Derivation)
	return l, err
}

func scanChange(row pgx.CollectableRow) (Change, error) {
	var c Change
	err := row.Scan(&c.Version, &c.Status, &c.Reason, &c.Actor, &c.At)
	return c, err
}

func scanShipment(row pgx.CollectableRow) (Shipment, error) {
	var s Shipment
	err := row.Scan(&s.ID, &s.Warehouse, &s.Carrier, &s.Tracking, &s.ShippedAt, &s.DeliveredAt)
	return s, err
}
