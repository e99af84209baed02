package order

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/regions"
)

// Status is where an order stands.
type Status string

// The states of an order.
const (
	PendingPayment Status = "pending_payment"
	Paid           Status = "paid"
	Packed         Status = "packed"
	Shipped        Status = "shipped"
	Delivered      Status = "delivered"
	Returned       Status = "returned"
	Refunded       Status = "refunded"
	Cancelled      Status = "cancelled"
)

// Statuses are all states of an order.
var Statuses = []Status{PendingPayment, Paid, Packed, Shipped, Delivered, Returned, Refunded, Cancelled}

// step is a transition: what may become what, and what happens to the stock held.
type step struct {
	from []Status
	to   Status
	move *inventory.Move
}

// The state machine. Each row is one thing that can happen to an order.
var (
	stepPay     = step{from: []Status{PendingPayment}, to: Paid, move: &inventory.AllocateHeld}
	stepCancel  = step{from: []Status{PendingPayment}, to: Cancelled, move: &inventory.ReleaseHeld}
	stepPack    = step{from: []Status{Paid}, to: Packed}
	stepShip    = step{from: []Status{Packed}, to: Shipped, move: &inventory.ShipAllocated}
	stepDeliver = step{from: []Status{Shipped}, to: Delivered}
)

// transition is one step of one order.
type transition struct {
	step
	order        regions.Ref
	id           uuid.UUID // fresh for every attempt to write it
	cancelReason string
	reason       string // for the history
	actor        string
	when         string // a further condition, SQL that starts with AND; its placeholders start at $7
	args         []any
}

// whenPaymentChanged lets an order move only if its payment's row was changed by the same
// transition ($1, $2 and $3 are the order's key and the transition: they share one id).
const whenPaymentChanged = ` AND EXISTS (SELECT 1 FROM payments p WHERE p.region = $1 AND p.id = $2 AND p.transition_id = $3)`

// queue adds the transition to a batch: the order's row, its history, its stock and its
// event.
func (o *Orders) queue(b *database.Batch, t transition) error {
	// $1 = region, $2 = order, $3 = transition, $4 = to, $5 = cancel reason, $6 = from
	b.Queue(`
UPDATE orders SET status = $4, cancel_reason = $5, version = version + 1, transition_id = $3, updated_at = now()
WHERE region = $1 AND id = $2 AND status = ANY($6::text[])`+t.when,
		append([]any{t.order.Region, t.order.ID, t.id, t.to, t.cancelReason, words(t.from)}, t.args...)...)
	o.queueHistory(b, t)
	if t.move != nil {
		inventory.QueueMove(b, *t.move, o.cause(t))
	}
	return outbox.QueueWhere(b, o.event(t), happened(5), t.order.Region, t.order.ID, t.id)
}

func (o *Orders) queueHistory(b *database.Batch, t transition) {
	// $1 = region, $2 = order, $3 = transition, $4 = reason, $5 = actor
	b.Queue(`
INSERT INTO order_history (region, order_id, version, status, reason, actor, at)
SELECT region, id, version, status, $4::text, $5::text, updated_at
FROM orders
WHERE region = $1 AND id = $2 AND transition_id = $3`, t.order.Region, t.order.ID, t.id, t.reason, t.actor)
}

func (o *Orders) cause(t transition) inventory.Cause {
	return inventory.Cause{Order: t.order, OrderID: o.PublicID(t.order), TransitionID: t.id, Actor: t.actor}
}

func (o *Orders) event(t transition) outbox.Event {
	return outbox.Event{
		Region: t.order.Region, Topic: "order." + string(t.to), Key: o.PublicID(t.order),
		Payload: map[string]any{"order": o.PublicID(t.order), "status": t.to, "reason": t.reason},
	}
}

func words(statuses []Status) []string {
	all := make([]string, len(statuses))
	for i, s := range statuses {
		all[i] = string(s)
	}
	return all
}

// refundable are the states in which money can be given back; what becomes of the order
// depends on what is left of it (see Refund).
var refundable = []Status{Paid, Packed, Shipped, Delivered}

// allows reports whether an order may be moved by one of the steps from its state.
func allows(s Status, steps ...step) bool {
	return slices.ContainsFunc(steps, func(st step) bool { return slices.Contains(st.from, s) })
}

// happened is the SQL that is true, later in a batch, where the order carries the
// transition's id; its placeholders, from $n, are the order's region, its id and the
// transition's.
func happened(n int) string {
	return fmt.Sprintf(`EXISTS (SELECT 1 FROM orders o WHERE o.region = $%d AND o.id = $%d AND o.transition_id = $%d)`, n, n+1, n+2)
}
