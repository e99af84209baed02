package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// Book holds what a shop's database says of money and goods.
type Book struct {
	// Orders holds every order by its public id.
	Orders map[string]*Order
	Stock  []Stock
}

// Order holds an order as the database has it. Amounts are minor units of Currency.
type Order struct {
	ID, Cart, PaymentID string
	Status              string
	Currency            string
	TotalMinor          int64
	PaymentStatus       string
	CapturedMinor       int64
	// CancelledAt is when the transaction began that cancelled it; nil if none did.
	CancelledAt *time.Time
	// Refunds are those that were sent, or are about to be, by id.
	Refunds map[string]int64
	Lines   []Line
}

// Line is a line of an order.
type Line struct {
	SKU                string
	Quantity, Refunded int64
}

// RefundedMinor returns what is given back, or about to be.
func (o *Order) RefundedMinor() int64 {
	var sum int64
	for _, minor := range o.Refunds {
		sum += minor
	}
	return sum
}

// IsPaid reports whether the shop has, or has had, the order's money.
func (o *Order) IsPaid() bool { return o.Status != "pending_payment" && o.Status != "cancelled" }

// AwaitsPayment reports whether the order exists and its payment is still open.
func (o *Order) AwaitsPayment() bool {
	return o != nil && (o.PaymentStatus == "pending" || o.PaymentStatus == "requires_action")
}

// Sold returns the units that orders hold or have taken, by SKU: those of orders that stand, without what was given back.
func (b Book) Sold() map[string]int64 {
	sold := make(map[string]int64)
	for _, o := range b.Orders {
		if o.Status == "cancelled" {
			continue
		}
		for _, line := range o.Lines {
			sold[line.SKU] += line.Quantity - line.Refunded
		}
	}
	return sold
}

// Stock sums up a SKU's stock over all warehouses.
type Stock struct {
	SKU string
	// Short is by how many units rows promise more than they have.
	Short int64
	// Received is what came in, by the ledger of movements.
	Received int64
}

// ReadBook reads all orders and all stock of a small shop.
func ReadBook(ctx context.Context, db *database.DB, set *regions.Set) (Book, error) {
	orders, err := ReadOrders(ctx, db, set)
	if err != nil {
		return Book{}, err
	}
	stock, err := database.List(ctx, db, pgx.RowToStructByPos[Stock], `
SELECT s.sku, sum(greatest(s.reserved + s.allocated - s.on_hand, 0))::int8, coalesce(max(m.received), 0)::int8
FROM stock s
LEFT JOIN (
  SELECT sku, sum(on_hand_delta) AS received
  FROM stock_movements
  WHERE kind = 'receive'
  GROUP BY sku
) m ON m.sku = s.sku
GROUP BY s.sku
ORDER BY s.sku`)
	if err != nil {
		return Book{}, fmt.Errorf("read the stock: %w", err)
	}
	return Book{orders, stock}, nil
}

// ReadOrders reads all orders with what belongs to them, by public id: those of a run, so thousands.
func ReadOrders(ctx context.Context, db *database.DB, set *regions.Set) (map[string]*Order, error) {
	byID, byRef := make(map[string]*Order), make(map[regions.Ref]*Order)
	orders, err := database.List(ctx, db, func(row pgx.CollectableRow) (*Order, error) {
		var ref, cart regions.Ref
		o := &Order{Refunds: make(map[string]int64)}
		err := row.Scan(&ref.Region, &ref.ID, &cart.Region, &cart.ID, &o.Status, &o.Currency, &o.TotalMinor, &o.PaymentStatus, &o.CapturedMinor,
			&o.CancelledAt)
		o.ID, o.Cart = set.FormatID(regions.OrderPrefix, ref), set.FormatID(regions.CartPrefix, cart)
		o.PaymentID = set.FormatID(regions.PaymentPrefix, ref)
		byRef[ref] = o
		return o, err
	}, `
SELECT o.region, o.id, o.cart_region, o.cart_id, o.status, o.currency, o.total_minor, p.status, p.captured_minor,
  (SELECT min(h.at) FROM order_history h WHERE h.region = o.region AND h.order_id = o.id AND h.status = 'cancelled')
FROM orders o
JOIN payments p ON p.region = o.region AND p.order_id = o.id`)
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	for _, o := range orders {
		byID[o.ID] = o
	}
	if err := readLines(ctx, db, byRef); err != nil {
		return nil, fmt.Errorf("read the orders' lines: %w", err)
	}
	if err := readRefunds(ctx, db, set, byRef); err != nil {
		return nil, fmt.Errorf("read the refunds: %w", err)
	}
	return byID, nil
}

func readLines(ctx context.Context, db *database.DB, byRef map[regions.Ref]*Order) error {
	type row struct {
		regions.Ref
		Line
	}
	rows, err := database.List(ctx, db, pgx.RowToStructByPos[row], `
SELECT region, order_id, sku, quantity, refunded_quantity
FROM order_lines
ORDER BY region, order_id, line_no`)
	for _, r := range rows {
		if o := byRef[r.Ref]; o != nil {
			o.Lines = append(o.Lines, r.Line)
		}
	}
	return err
}

func readRefunds(ctx context.Context, db *database.DB, set *regions.Set, byRef map[regions.Ref]*Order) error {
	type row struct {
		regions.Ref
		Order uuid.UUID
		Minor int64
	}
	rows, err := database.List(ctx, db, pgx.RowToStructByPos[row], `
SELECT region, id, order_id, amount_minor
FROM refunds
WHERE status IN ('pending', 'succeeded')`)
	for _, r := range rows {
		if o := byRef[regions.Ref{Region: r.Region, ID: r.Order}]; o != nil {
			o.Refunds[set.FormatID(regions.RefundPrefix, r.Ref)] = r.Minor
		}
	}
	return err
}
