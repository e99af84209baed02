package order

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/internal/promotion"
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
	when         string // a further condition on the order o, SQL that starts with AND; its placeholders start at $7
	args         []any
}

// whenPaymentChanged lets an order move only if its payment's row was changed by the same
// transition (they share one id).
const whenPaymentChanged = ` AND EXISTS (SELECT 1 FROM payments p WHERE p.region = o.region AND p.id = o.id AND p.transition_id = t.transition_id)`

// queueLock adds, as a batch's first statement, the locking of the stock that the
// transitions will move. The stock comes before all other rows in every batch, so that no
// two wait for each other.
func queueLock(b *database.Batch, from []Status, transitions ...transition) {
	orders := make([]regions.Ref, len(transitions))
	for i, t := range transitions {
		orders[i] = t.order
	}
	inventory.QueueLock(b, words(from), orders...)
}

// queue adds transitions of the same step and condition to a batch: the orders' rows, their
// history, their stock and their events. An order is in it once at most.
func (o *Orders) queue(b *database.Batch, transitions ...transition) error {
	first := transitions[0]
	c := transitionColumnsOf(transitions)
	// $1 = regions, $2 = orders, $3 = transitions, $4 = cancel reasons, $5 = to, $6 = from
	b.Queue(`
UPDATE orders o SET status = $5, cancel_reason = t.cancel_reason, version = o.version + 1, transition_id = t.transition_id, updated_at = now()
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[]) AS t (region, order_id, transition_id, cancel_reason)
WHERE o.region = t.region::crdb_internal_region AND o.id = t.order_id AND o.status = ANY($6::text[])`+first.when,
		append([]any{c.regions, c.ids, c.transitions, c.cancelReasons, first.to, words(first.from)}, first.args...)...)
	queueHistory(b, c)
	if first.move != nil {
		causes := make([]inventory.Cause, len(transitions))
		for i, t := range transitions {
			causes[i] = o.cause(t)
		}
		inventory.QueueMoves(b, *first.move, causes...)
	}
	if first.to == Cancelled {
		queueReleases(b, transitions)
	}
	return o.queueEvents(b, transitions)
}

// queueReleases gives back what cancelled orders used of promotions.
func queueReleases(b *database.Batch, transitions []transition) {
	releases := make([]promotion.Release, len(transitions))
	for i, t := range transitions {
		releases[i] = promotion.Release{Order: t.order, TransitionID: t.id}
	}
	promotion.QueueRelease(b, releases...)
}

// queueHistory adds the entries of those transitions that happened.
func queueHistory(b *database.Batch, c transitionColumns) {
	// $1 = regions, $2 = orders, $3 = transitions, $4 = reasons, $5 = actors
	b.Queue(`
INSERT INTO order_history (region, order_id, version, status, reason, actor, at)
SELECT o.region, o.id, o.version, o.status, t.reason, t.actor, o.updated_at
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS t (region, order_id, transition_id, reason, actor)
JOIN orders o ON o.region = t.region::crdb_internal_region AND o.id = t.order_id AND o.transition_id = t.transition_id`,
		c.regions, c.ids, c.transitions, c.reasons, c.actors)
}

func (o *Orders) queueEvents(b *database.Batch, transitions []transition) error {
	events := make([]outbox.Caused, len(transitions))
	for i, t := range transitions {
		events[i] = outbox.Caused{Event: o.event(t), Subject: t.order.ID, Transition: t.id}
	}
	return outbox.QueueCaused(b,
		`EXISTS (SELECT 1 FROM orders o WHERE o.region = e.region::crdb_internal_region AND o.id = e.subject AND o.transition_id = e.transition)`,
		events...)
}

// transitionColumns are transitions, a column a field.
type transitionColumns struct {
	regions, cancelReasons, reasons, actors []string
	ids, transitions                        []uuid.UUID
}

func transitionColumnsOf(transitions []transition) transitionColumns {
	var c transitionColumns
	for _, t := range transitions {
		c.regions = append(c.regions, t.order.Region)
		c.ids = append(c.ids, t.order.ID)
		c.transitions = append(c.transitions, t.id)
		c.cancelReasons = append(c.cancelReasons, t.cancelReason)
		c.reasons = append(c.reasons, t.reason)
		c.actors = append(c.actors, t.actor)
	}
	return c
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
