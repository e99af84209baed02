package order

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/regions"
)

// Command is something a person asks to happen to an order.
type Command struct {
	Order regions.Ref
	// Actor is the public id of who asks, or "guest".
	Actor string
	// Reason is kept in the history; it holds no personal data.
	Reason string
	// Idempotency names the call; its zero value is allowed: a repeated command then finds
	// the order moved on already and is refused.
	Idempotency idempotency.Key
}

// advance makes one transition of one order and returns the order after it: one round
// trip. If the order's state does not allow it nothing happens and *StateError says so,
// unless this very command happened before: then *idempotency.Replay. also, if not nil, adds to
// the batch.
func (o *Orders) advance(ctx context.Context, c Command, st step, cancelReason string, also func(b *database.Batch, t transition)) (Order,
	error) {
	var order Order
	var ids []uuid.UUID // of every attempt: the answer of one that happened may have been lost
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		order = Order{}
		t := o.transition(c.Order, uuid.New(), c.Actor)
		t.step, t.CancelReason, t.Reason = st, cancelReason, c.Reason
		ids = append(ids, t.TransitionID)
		if st.move != nil {
			queueLock(b, st.from, t)
		}
		if err := o.queue(b, database.Query{}, t); err != nil {
			return err
		}
		if also != nil {
			also(b, t)
		}
		happened := t.happened()
		c.Idempotency.QueueClaimWhere(b, idempotency.Answer{Resource: o.PublicID(c.Order), Status: http.StatusOK}, happened.SQL, happened.Args)
		queueGet(b, c.Order, &order)
		return nil
	})
	switch {
	case idempotency.Taken(err):
		return Order{}, idempotency.Find(ctx, o.DB, c.Idempotency)
	case err != nil:
		return Order{}, fmt.Errorf("%s order: %w", st.to, err)
	case slices.Contains(ids, order.TransitionID):
		if st.to == Cancelled {
			o.Metrics.recordSettled(ctx, order.PlacedAt, o.Now(), cancelReason)
		}
		return order, nil
	}
	if earlier := idempotency.Find(ctx, o.DB, c.Idempotency); !errors.Is(earlier, idempotency.ErrUnknown) {
		return Order{}, earlier
	}
	return order, &StateError{Status: order.Status, Allowed: st.from}
}

// CancelInput is the wish to give an order up.
type CancelInput struct {
	Command
	// ByOperator says that the shop gives the order up, not the customer.
	ByOperator bool
}

// Cancel gives an order up. One not yet paid is cancelled and its stock released; one paid
// and not yet packed (packed, for an operator) is refunded in full. *StateError is
// returned once it is too late.
func (o *Orders) Cancel(ctx context.Context, in CancelInput) (Order, error) {
	reason, refundable := "by_customer", []Status{Paid}
	if in.ByOperator {
		reason, refundable = "by_operator", []Status{Paid, Packed}
	}
	order, err := o.advance(ctx, in.Command, stepCancel, reason, checkCancelledPayment)
	var state *StateError
	if !errors.As(err, &state) {
		return order, err
	}
	if allowed := (step{from: refundable}); !allows(state.Status, allowed) {
		return order, &StateError{Status: state.Status, Allowed: append([]Status{PendingPayment}, refundable...)}
	}
	if in.Reason == "" {
		in.Reason = "cancelled_" + reason
	}
	return o.Refund(ctx, RefundInput{Command: in.Command, onlyFrom: refundable})
}

// Pack records that a paid order's goods are in their parcels.
func (o *Orders) Pack(ctx context.Context, c Command) (Order, error) {
	return o.advance(ctx, c, stepPack, "", nil)
}

// ShipInput says who carries an order.
type ShipInput struct {
	Command
	Carrier  string
	Tracking string
}

// Ship hands a packed order's parcels, one from each warehouse, to the carrier: the units
// leave the stock.
func (o *Orders) Ship(ctx context.Context, in ShipInput) (Order, error) {
	return o.advance(ctx, in.Command, stepShip, "", func(b *database.Batch, t transition) {
		shipped := Moved(t.Cause)
		b.QueueArgs(`
INSERT INTO shipments (region, id, order_id, warehouse, carrier, tracking)
SELECT @home::crdb_internal_region, gen_random_uuid(), parcel.order_id, parcel.warehouse, @carrier::text, @tracking::text
FROM (`+inventory.ParcelsSQL(shipped)+`) AS parcel`,
			shipped.Args.With(database.Args{"home": in.Order.Region, "carrier": in.Carrier, "tracking": in.Tracking}))
	})
}

// Deliver records that a shipped order has arrived.
func (o *Orders) Deliver(ctx context.Context, c Command) (Order, error) {
	return o.advance(ctx, c, stepDeliver, "", func(b *database.Batch, t transition) {
		happened := t.happened()
		b.QueueArgs(`
UPDATE shipments SET delivered_at = now()
WHERE region = @order_region AND order_id = @order_id AND `+happened.SQL, happened.Args)
	})
}
