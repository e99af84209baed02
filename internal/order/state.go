package order

import (
	"slices"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/internal/payment"
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

// transition is one step of one order. Its id is fresh for every attempt to write it.
type transition struct {
	inventory.Cause
	CancelReason string `db:"new_cancel_reason"`
	Reason       string // for the history
	step         step
}

// transition returns a transition of an order without its step.
func (o *Orders) transition(order regions.Ref, id uuid.UUID, actor string) transition {
	return transition{Cause: inventory.Cause{Order: order, OrderID: o.PublicID(order), TransitionID: id, Actor: actor}}
}

// transitionsSQL returns what statements of several transitions take: a table expression t of them
// and its arguments.
func transitionsSQL(transitions []transition) database.Query {
	return database.Query{SQL: database.Unnest[transition]("t"), Args: database.Columns(transitions)}
}

// paymentChanged lets an order o move by a transition t only if that changed its payment's row.
// They share one id.
var paymentChanged = database.Query{
	SQL: `EXISTS (SELECT 1 FROM ` + payment.PaymentsSQL + ` p
  WHERE p.region = o.region AND p.id = o.id AND p.transition_id = t.transition_id)`,
}

// changedSQL holds for an order o that a transition t has changed, later in the batch.
const changedSQL = `o.region = t.order_region::crdb_internal_region AND o.id = t.order_id AND o.transition_id = t.transition_id`

// Moved returns those of the orders of causes that they have changed, later in the batch, with the
// regions that their stock is in: what inventory moves.
func Moved(causes ...inventory.Cause) inventory.Holders { return holders(causes, changedSQL) }

// holders returns the orders of causes t that meet a condition on the order o.
func holders(causes []inventory.Cause, condition string) inventory.Holders {
	return inventory.Holders{
		SQL: `SELECT o.id, o.transition_id, place.region, t.actor, t.reference
  FROM ` + database.Unnest[inventory.Cause]("t") + `, orders o, unnest(o.stock_regions) AS place (region)
  WHERE ` + condition,
		Args: database.Columns(causes),
	}
}

func causesOf(transitions []transition) []inventory.Cause {
	causes := make([]inventory.Cause, len(transitions))
	for i, t := range transitions {
		causes[i] = t.Cause
	}
	return causes
}

// queueLock adds, as a batch's first statement, the locking of the stock that the transitions
// will move, of orders that are in one of the states. The stock comes before all other rows in
// every batch, so that no two wait for each other.
func queueLock(b *database.Batch, from []Status, transitions ...transition) {
	held := holders(causesOf(transitions),
		`o.region = t.order_region::crdb_internal_region AND o.id = t.order_id AND o.status = ANY(@states::text[])`)
	held.Args = held.Args.With(database.Args{"states": words(from)})
	inventory.QueueLock(b, held)
}

// queue adds transitions of the same step to a batch: the orders' rows, their history, their
// stock and their events. An order is in it once at most. when is a further condition on the
// order o and its transition t; none if it is empty.
func (o *Orders) queue(b *database.Batch, when database.Query, transitions ...transition) error {
	step := transitions[0].step
	t := transitionsSQL(transitions)
	if when.SQL == "" {
		when.SQL = "true"
	}
	b.QueueArgs(`
UPDATE orders o SET status = @to, cancel_reason = t.new_cancel_reason, version = o.version + 1,
  transition_id = t.transition_id, updated_at = now(), unpaid_network = '', unpaid_buyer = ''
FROM `+t.SQL+`
WHERE o.region = t.order_region::crdb_internal_region AND o.id = t.order_id AND o.status = ANY(@from::text[]) AND `+when.SQL,
		t.Args.With(when.Args).With(database.Args{"to": string(step.to), "from": words(step.from)}))
	queueHistory(b, transitions)
	if step.move != nil {
		inventory.QueueMoves(b, *step.move, Moved(causesOf(transitions)...))
	}
	if step.to == Cancelled {
		queueReleases(b, transitions)
	}
	return o.queueEvents(b, transitions)
}

// queueReleases gives back what cancelled orders used of promotions.
func queueReleases(b *database.Batch, transitions []transition) {
	releases := make([]promotion.Release, len(transitions))
	for i, t := range transitions {
		releases[i] = promotion.Release{Order: t.Order, TransitionID: t.TransitionID}
	}
	promotion.QueueRelease(b, releases...)
}

// queueHistory adds the entries of those transitions that happened.
func queueHistory(b *database.Batch, transitions []transition) {
	t := transitionsSQL(transitions)
	b.QueueArgs(`
INSERT INTO order_history (region, order_id, version, status, reason, actor, at)
SELECT o.region, o.id, o.version, o.status, t.reason, t.actor, o.updated_at
FROM `+t.SQL+`
JOIN orders o ON `+changedSQL, t.Args)
}

func (o *Orders) queueEvents(b *database.Batch, transitions []transition) error {
	events := make([]outbox.Caused, len(transitions))
	for i, t := range transitions {
		events[i] = outbox.Caused{Event: t.event(), Subject: t.Order.ID, Transition: t.TransitionID}
	}
	return outbox.QueueCaused(b,
		`EXISTS (SELECT 1 FROM orders o WHERE o.region = e.region::crdb_internal_region AND o.id = e.subject AND o.transition_id = e.transition)`,
		events...)
}

func (t transition) event() outbox.Event {
	return outbox.Event{
		Region: t.Order.Region, Topic: "order." + string(t.step.to), Key: t.OrderID,
		Payload: map[string]any{"order_id": t.OrderID, "status": t.step.to, "reason": t.Reason},
	}
}

// words returns statuses as texts.
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

// happened returns SQL that is true, later in a batch, where the transition has changed its order.
func (t transition) happened() database.Query {
	return database.Query{
		SQL:  `EXISTS (SELECT 1 FROM orders o WHERE o.region = @order_region AND o.id = @order_id AND o.transition_id = @transition_id)`,
		Args: database.Args{"order_region": t.Order.Region, "order_id": t.Order.ID, "transition_id": t.TransitionID},
	}
}
