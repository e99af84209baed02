package order

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/promotion"
)

// writeCheckouts makes the planned orders: one batch, all of it or nothing. The stock comes first
// (see queueLock).
func (o *Orders) writeCheckouts(ctx context.Context, planned []*checkout) error {
	var w newRows
	for _, c := range planned {
		w.add(o, c)
	}
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		inventory.QueueReserve(b, o.Unpaid.Guests, w.holds...)
		idempotency.QueueClaims(b, w.claims...)
		cart.QueueCheckout(b, w.checkouts...)
		QueueInsert(b, w.orders...)
		queueHistory(b, w.transitions)
		payment.QueueInsert(b, w.payments...)
		if err := promotion.QueueUses(b, w.uses...); err != nil {
			return err
		}
		return outbox.Queue(b, w.events...)
	})
	if promotion.UsedUp(err) {
		o.contested.note(w.uses, o.Now())
	}
	return err
}

// newRows are the rows of new orders, table by table.
type newRows struct {
	holds       []inventory.Hold
	claims      []idempotency.Claim
	checkouts   []cart.Checkout
	orders      []NewOrder
	transitions []transition
	payments    []payment.New
	uses        []promotion.Use
	events      []outbox.Event
}

func (w *newRows) add(o *Orders, c *checkout) {
	order, publicID := c.plan.order, o.PublicID(c.plan.order.Ref)
	t := o.transition(order.Ref, order.TransitionID, o.buyer(c.in))
	w.holds = append(w.holds, inventory.Hold{Cause: t.Cause, Allocations: c.plan.allocations, Guest: order.Account == nil})
	w.claims = append(w.claims, idempotency.Claim{
		Key: c.in.Idempotency, Answer: idempotency.Answer{Resource: publicID, Status: http.StatusCreated},
	})
	w.checkouts = append(w.checkouts, cart.Checkout{Cart: c.in.Cart, Version: c.plan.cartVersion})
	w.orders = append(w.orders, NewOrder{
		Order: order, StockRegions: stockRegions(c.plan.allocations), UnpaidNetwork: c.network, UnpaidBuyer: c.buyer(),
	})
	w.transitions = append(w.transitions, t)
	w.payments = append(w.payments, payment.New{
		Payment: order.Payment, Transition: order.TransitionID, CheckAt: c.plan.now.Add(o.CheckAfter),
	})
	w.uses = append(w.uses, c.plan.uses...)
	w.events = append(w.events, outbox.Event{
		Region: order.Ref.Region, Topic: "order.placed", Key: publicID,
		Payload: map[string]any{"order_id": publicID, "status": order.Status, "total_minor": order.TotalMinor, "currency": order.Currency},
	})
}

// stockRegions returns the regions that an order's stock is in, separated by commas.
func stockRegions(allocations []inventory.Allocation) string {
	var names []string
	for _, a := range allocations { // sorted by region
		if len(names) == 0 || names[len(names)-1] != a.Region {
			names = append(names, a.Region)
		}
	}
	return strings.Join(names, ",")
}

// NewOrder is an order as it is inserted.
type NewOrder struct {
	Order
	// StockRegions are the regions in whose warehouses the order holds units, separated by commas.
	StockRegions string `sql:"string_to_array(r.stock_regions, ',')::crdb_internal_region[]"`
	// UnpaidNetwork and UnpaidBuyer are keyed hashes of who holds the units until the order is paid; nil counts for nobody.
	UnpaidNetwork []byte `sql:"coalesce(r.unpaid_network, '')"`
	UnpaidBuyer   []byte `sql:"coalesce(r.unpaid_buyer, '')"`
}

// newLine is a line of an order as it is inserted.
type newLine struct {
	Region  string
	OrderID uuid.UUID
	Line
	Booked booking `db:"reporting_*"`
}

// QueueInsert adds orders and their lines to a batch, in one statement each, and nothing of what
// belongs to them in other tables: Place makes orders; tests make some in any state.
func QueueInsert(b *database.Batch, orders ...NewOrder) {
	var lines []newLine
	for _, order := range orders {
		for _, line := range order.Lines {
			lines = append(lines, newLine{Region: order.Ref.Region, OrderID: order.Ref.ID, Line: line, Booked: line.booked})
		}
	}
	database.QueueInsert(b, "orders", orders)
	database.QueueInsert(b, "order_lines", lines)
}
