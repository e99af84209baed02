package chaos

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
	"meridian/regions"
)

// heldOrder is an order as the database has it. Amounts are minor units.
type heldOrder struct {
	id            string
	cart          string
	status        string
	currency      string
	total         int64
	paymentID     string
	paymentStatus string
	captured      int64
	refunds       map[string]int64 // by id: what is given back, or about to be
	lines         []heldLine
}

type heldLine struct {
	client.Line
	refunded int64 // units
}

// refunded is what is given back, or about to be.
func (o *heldOrder) refunded() int64 {
	var sum int64
	for _, minor := range o.refunds {
		sum += minor
	}
	return sum
}

// isPaid reports whether the shop says that it has the order's money, be it for a while.
func (o *heldOrder) isPaid() bool { return o.status != "pending_payment" && o.status != "cancelled" }

// stockBook is what the database has of a SKU over all warehouses.
type stockBook struct {
	sku      string
	received int64 // by the ledger of movements
	onHand   int64
	short    int64 // units by which rows promise more than they have
}

// awaits reports whether the shop still waits to hear of the order's payment.
func (o *heldOrder) awaits() bool {
	return o != nil && (o.paymentStatus == "pending" || o.paymentStatus == "requires_action")
}

// book is the shop's database, as far as it matters here.
type book struct {
	orders map[string]*heldOrder // by public id
	stock  []stockBook
}

// readBook reads all orders with what belongs to them: a run's, so thousands.
func readBook(ctx context.Context, db *database.DB, set *regions.Set) (book, error) {
	b := book{orders: make(map[string]*heldOrder)}
	byRef := make(map[regions.Ref]*heldOrder)
	orders, err := database.List(ctx, db, scanHeldOrder(set, byRef), `
SELECT o.region, o.id, o.cart_region, o.cart_id, o.status, o.currency, o.total_minor, p.status, p.captured_minor
FROM orders o
JOIN payments p ON p.region = o.region AND p.order_id = o.id`)
	if err != nil {
		return book{}, fmt.Errorf("read the orders: %w", err)
	}
	for _, o := range orders {
		b.orders[o.id] = o
	}
	if err := readLines(ctx, db, byRef); err != nil {
		return book{}, err
	}
	if err := readRefunds(ctx, db, set, byRef); err != nil {
		return book{}, err
	}
	b.stock, err = database.List(ctx, db, func(row pgx.CollectableRow) (s stockBook, err error) {
		err = row.Scan(&s.sku, &s.onHand, &s.short, &s.received)
		return s, err
	}, `
SELECT s.sku, sum(s.on_hand)::int8, sum(greatest(s.reserved + s.allocated - s.on_hand, 0))::int8, coalesce(max(m.received), 0)::int8
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
		return book{}, fmt.Errorf("read the stock: %w", err)
	}
	return b, nil
}

func scanHeldOrder(set *regions.Set, byRef map[regions.Ref]*heldOrder) pgx.RowToFunc[*heldOrder] {
	return func(row pgx.CollectableRow) (*heldOrder, error) {
		var ref, cart regions.Ref
		o := &heldOrder{refunds: make(map[string]int64)}
		err := row.Scan(&ref.Region, &ref.ID, &cart.Region, &cart.ID, &o.status, &o.currency, &o.total, &o.paymentStatus, &o.captured)
		o.id, o.cart = set.FormatID(regions.OrderPrefix, ref), set.FormatID(regions.CartPrefix, cart)
		o.paymentID = set.FormatID(regions.PaymentPrefix, ref)
		byRef[ref] = o
		return o, err
	}
}

func readLines(ctx context.Context, db *database.DB, byRef map[regions.Ref]*heldOrder) error {
	type line struct {
		order regions.Ref
		heldLine
	}
	lines, err := database.List(ctx, db, func(row pgx.CollectableRow) (l line, err error) {
		err = row.Scan(&l.order.Region, &l.order.ID, &l.SKU, &l.Quantity, &l.refunded)
		return l, err
	}, `
SELECT region, order_id, sku, quantity, refunded_quantity
FROM order_lines
ORDER BY region, order_id, line_no`)
	if err != nil {
		return fmt.Errorf("read the orders' lines: %w", err)
	}
	for _, l := range lines {
		if o := byRef[l.order]; o != nil {
			o.lines = append(o.lines, l.heldLine)
		}
	}
	return nil
}

func readRefunds(ctx context.Context, db *database.DB, set *regions.Set, byRef map[regions.Ref]*heldOrder) error {
	type refund struct {
		ref   regions.Ref
		order uuid.UUID
		minor int64
	}
	refunds, err := database.List(ctx, db, func(row pgx.CollectableRow) (r refund, err error) {
		err = row.Scan(&r.ref.Region, &r.ref.ID, &r.order, &r.minor)
		return r, err
	}, `
SELECT region, id, order_id, amount_minor
FROM refunds
WHERE status IN ('pending', 'succeeded')`)
	if err != nil {
		return fmt.Errorf("read the refunds: %w", err)
	}
	for _, r := range refunds {
		if o := byRef[regions.Ref{Region: r.ref.Region, ID: r.order}]; o != nil {
			o.refunds[set.FormatID(regions.RefundPrefix, r.ref)] = r.minor
		}
	}
	return nil
}
