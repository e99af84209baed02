package order

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/regions"
)

// RefundInput is money to be given back: for lines, of an amount, or, with neither, all
// that is left.
type RefundInput struct {
	Command
	Lines       []RefundUnits
	AmountMinor int64
	// Restock says that the refunded units of a shipped order are back in their warehouse.
	Restock bool

	onlyFrom []Status // a cancellation's narrower choice of states
}

// RefundUnits is how many units of which line to refund.
type RefundUnits struct {
	LineNo   int64
	Quantity int64
}

// RefundTooLargeError is returned for a refund of more than is left.
type RefundTooLargeError struct {
	Field string // what asked for too much
	Left  int64  // units or minor units that can still be refunded
}

func (e *RefundTooLargeError) Error() string {
	return fmt.Sprintf("%s: only %d left to refund", e.Field, e.Left)
}

// maxRefundRetries bounds how often a refund that lost to another change looks again.
const maxRefundRetries = 5

// Refund promises money back; a worker sends it. Units that were not shipped yet go back
// on sale, units of a shipped order only with Restock. An order of which nothing is left
// becomes refunded, or returned if all of it came back. Two round trips.
//
// Errors: *StateError, *RefundTooLargeError, *idempotency.Replay, ErrNotFound.
func (o *Orders) Refund(ctx context.Context, in RefundInput) (Order, error) {
	for attempt := 1; ; attempt++ {
		order, reservations, err := o.readForRefund(ctx, in)
		if err != nil {
			return Order{}, err
		}
		work, err := planRefund(in, order, reservations)
		if err != nil {
			return order, err
		}
		refunded, err := o.writeRefund(ctx, in, order, work)
		switch {
		case err == nil:
			return refunded, nil
		case idempotency.Taken(err):
			return Order{}, idempotency.Find(ctx, o.DB, in.Idempotency)
		case database.Violates(err, "orders_version_current"), payment.TooLarge(err):
			if attempt == maxRefundRetries {
				return Order{}, &database.RetriesExhaustedError{Attempts: attempt, Err: err}
			}
			continue // another change was quicker: what is left tells
		}
		return Order{}, fmt.Errorf("refund order: %w", err)
	}
}

// readForRefund returns the order and its reservations, in one snapshot.
func (o *Orders) readForRefund(ctx context.Context, in RefundInput) (Order, []inventory.Reservation, error) {
	var order Order
	var reservations []inventory.Reservation
	var earlier error
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		in.Idempotency.QueueFind(b, &earlier)
		queueGet(b, in.Order, &order)
		inventory.QueueOrderReservations(b, inventory.Holders{
			SQL: `SELECT o.id, place.region
  FROM orders o, unnest(o.stock_regions) AS place (region)
  WHERE o.region = @order_region AND o.id = @order_id`,
			Args: database.Args{"order_region": in.Order.Region, "order_id": in.Order.ID},
		}, &reservations)
		return nil
	})
	if err = errors.Join(earlier, err); err != nil {
		return Order{}, nil, err
	}
	return order, reservations, nil
}

// refundWork is a refund worked out.
type refundWork struct {
	amountMinor int64
	lines       []payment.RefundLine
	to          Status
	release     []inventory.Taken // not shipped: back on sale
	restock     []inventory.Taken // shipped and returned
}

// planRefund works a refund out.
func planRefund(in RefundInput, order Order, reservations []inventory.Reservation) (refundWork, error) {
	allowed := refundable
	if in.onlyFrom != nil {
		allowed = in.onlyFrom
	} else if in.Lines == nil && order.Payment.RefundedMinor < order.Payment.CapturedMinor {
		// what is left of one whose goods all came back, or never left, may still be given back
		allowed = append(slices.Clone(allowed), Returned, Refunded)
	}
	if !slices.Contains(allowed, order.Status) {
		return refundWork{}, &StateError{Status: order.Status, Allowed: allowed}
	}
	work, err := amountsOf(in, order)
	if err != nil {
		return refundWork{}, err
	}
	sent := slices.Contains([]Status{Shipped, Delivered, Returned}, order.Status)
	work.to = stateAfter(order, work, sent, in.Restock)
	for _, line := range work.lines {
		switch {
		case !sent && work.to != Refunded:
			work.release = append(work.release, take(reservations, "allocated", line, order)...)
		case sent && in.Restock:
			work.restock = append(work.restock, take(reservations, "shipped", line, order)...)
		}
	}
	if !sent && work.to == Refunded { // nothing of it will be sent, whatever the refund was reckoned by
		work.release = allOf(reservations, "allocated")
	}
	return work, nil
}

// amountsOf works out how much to give back, and for which units.
func amountsOf(in RefundInput, order Order) (refundWork, error) {
	left := order.Payment.CapturedMinor - order.Payment.RefundedMinor
	var work refundWork
	switch {
	case len(in.Lines) > 0:
		order.Lines = slices.Clone(order.Lines) // refundLine counts in it, as a line may be named twice
		for i, units := range in.Lines {
			line, err := refundLine(order, units, fmt.Sprintf("lines[%d].quantity", i))
			if err != nil {
				return refundWork{}, err
			}
			work.add(line)
			work.amountMinor += line.AmountMinor
		}
	case in.AmountMinor > 0:
		work.amountMinor = in.AmountMinor
	default:
		work.amountMinor = left
		for _, line := range order.Lines {
			if rest := line.Quantity - line.RefundedQuantity; rest > 0 {
				work.lines = append(work.lines, payment.RefundLine{
					LineNo: line.LineNo, Quantity: rest, AmountMinor: line.TotalMinor - line.RefundedMinor,
				})
			}
		}
	}
	if work.amountMinor > left || (work.amountMinor == 0 && len(work.lines) == 0) { // units may have cost nothing
		return refundWork{}, &RefundTooLargeError{Field: "amount_minor", Left: left}
	}
	return work, nil
}

// add adds a line's part to that of the same line named before.
func (w *refundWork) add(line payment.RefundLine) {
	for i := range w.lines {
		if w.lines[i].LineNo == line.LineNo {
			w.lines[i].Quantity += line.Quantity
			w.lines[i].AmountMinor += line.AmountMinor
			return
		}
	}
	w.lines = append(w.lines, line)
}

// refundLine returns the share of a line's total that units of it amount to; it counts them as
// refunded in order. Shares are differences of a running total, so that those of all units
// add up to the line's total to the last minor unit, however it is cut.
func refundLine(order Order, units RefundUnits, field string) (payment.RefundLine, error) {
	i := slices.IndexFunc(order.Lines, func(l Line) bool { return l.LineNo == units.LineNo })
	if i < 0 {
		return payment.RefundLine{}, &RefundTooLargeError{Field: field, Left: 0}
	}
	line := &order.Lines[i]
	left := line.Quantity - line.RefundedQuantity
	if units.Quantity < 1 || units.Quantity > left {
		return payment.RefundLine{}, &RefundTooLargeError{Field: field, Left: left}
	}
	before := share(line.TotalMinor, line.RefundedQuantity, line.Quantity)
	line.RefundedQuantity += units.Quantity
	after := share(line.TotalMinor, line.RefundedQuantity, line.Quantity)
	return payment.RefundLine{LineNo: line.LineNo, Quantity: units.Quantity, AmountMinor: after - before}, nil
}

// share returns total × units / of, rounded down.
func share(total, units, of int64) int64 {
	product := new(big.Int).Mul(big.NewInt(total), big.NewInt(units))
	return product.Quo(product, big.NewInt(of)).Int64()
}

// stateAfter returns what the order is once the refund is promised: refunded when no money is
// left, or no goods to send; returned when all goods came back; else what it was.
func stateAfter(order Order, work refundWork, sent, restock bool) Status {
	noMoney := order.Payment.RefundedMinor+work.amountMinor == order.Payment.CapturedMinor
	noGoods := true
	for _, line := range order.Lines {
		rest := line.Quantity - line.RefundedQuantity
		for _, refunded := range work.lines {
			if refunded.LineNo == line.LineNo {
				rest -= refunded.Quantity
			}
		}
		noGoods = noGoods && rest == 0
	}
	switch {
	case sent && restock && noGoods && order.Status != Returned:
		return Returned
	case noMoney, noGoods && !sent:
		return Refunded
	}
	return order.Status
}

// take returns the reservations, in the given state, that a refunded line's units come from.
// Units that were refunded after they were sent still stand in their reservations: those
// are passed over, so that each unit goes back to its own warehouse once.
func take(reservations []inventory.Reservation, status string, line payment.RefundLine, order Order) []inventory.Taken {
	ofLine := func(r inventory.Reservation) bool { return r.LineNo == line.LineNo && r.Status == status }
	refunded := -order.unitsLeft(line.LineNo)
	for _, r := range reservations {
		if ofLine(r) {
			refunded += r.Quantity
		}
	}
	var taken []inventory.Taken
	rest := line.Quantity
	for _, r := range reservations {
		if !ofLine(r) {
			continue
		}
		before := min(refunded, r.Quantity)
		refunded -= before
		if units := min(rest, r.Quantity-before); units > 0 {
			taken = append(taken, inventory.Taken{Reservation: r, Units: units})
			rest -= units
		}
	}
	return taken
}

// unitsLeft returns how many units of a line are not refunded.
func (o Order) unitsLeft(lineNo int64) int64 {
	for _, line := range o.Lines {
		if line.LineNo == lineNo {
			return line.Quantity - line.RefundedQuantity
		}
	}
	return 0
}

// allOf returns every reservation in the given state.
func allOf(reservations []inventory.Reservation, status string) []inventory.Taken {
	var all []inventory.Taken
	for _, r := range reservations {
		if r.Status == status {
			all = append(all, inventory.Taken{Reservation: r, Units: r.Quantity})
		}
	}
	return all
}

// writeRefund writes a refund that was worked out, if the order is as it was read, and returns the
// order after it.
func (o *Orders) writeRefund(ctx context.Context, in RefundInput, order Order, work refundWork) (Order, error) {
	var after Order
	// Without a key nothing would tell a repetition from another refund.
	err := in.Idempotency.Writer(o.DB)(ctx, func(b *database.Batch) error {
		after = Order{}
		refund := payment.Refund{
			Ref: regions.Ref{Region: order.Ref.Region, ID: uuid.New()}, OrderID: order.Ref.ID, PaymentID: order.Payment.Ref.ID,
			AmountMinor: work.amountMinor, Currency: order.Currency, Reason: in.Reason, Actor: in.Actor, Lines: work.lines,
		}
		t := o.transition(order.Ref, uuid.New(), in.Actor)
		t.step, t.Reason = step{to: work.to}, in.Reason
		queueLock(b, Statuses, t)
		in.Idempotency.QueueClaim(b, idempotency.Answer{Resource: t.OrderID, Status: http.StatusOK})
		queueGuarded(b, t, order.Version)
		queueRefundedLines(b, order.Ref, work.lines)
		payment.QueueRefund(b, refund)
		inventory.QueueRelease(b, t.Cause, work.release...)
		inventory.QueueReturn(b, t.Cause, work.restock...)
		queueGet(b, order.Ref, &after)
		return outbox.Queue(b, outbox.Event{
			Region: order.Ref.Region, Topic: "order.refund_promised", Key: t.OrderID,
			Payload: map[string]any{
				"order_id": t.OrderID, "status": work.to, "refund_id": o.Regions.FormatID(regions.RefundPrefix, refund.Ref),
				"amount_minor": work.amountMinor, "currency": order.Currency,
			},
		})
	})
	return after, err
}

// queueGuarded changes the order's state if it is still at the version that was read;
// otherwise the whole batch fails on orders_version_current.
func queueGuarded(b *database.Batch, t transition, version int64) {
	b.QueueArgs(`
UPDATE orders SET status = @to, version = CASE WHEN version = @version THEN version + 1 ELSE -1 END,
  transition_id = @transition, updated_at = now()
WHERE region = @region AND id = @id`, database.Args{
		"region": t.Order.Region, "id": t.Order.ID, "transition": t.TransitionID, "to": string(t.step.to), "version": version,
	})
	queueHistory(b, []transition{t})
}

// queueRefundedLines notes on an order's lines what of them is refunded; a line may be named more than once.
func queueRefundedLines(b *database.Batch, order regions.Ref, lines []payment.RefundLine) {
	if len(lines) == 0 {
		return
	}
	b.QueueArgs(`
UPDATE order_lines l SET refunded_quantity = l.refunded_quantity + n.units, refunded_minor = l.refunded_minor + n.amount
FROM (
  SELECT r.line_no, sum(r.quantity)::int8 AS units, sum(r.amount_minor)::int8 AS amount
  FROM `+database.Unnest[payment.RefundLine]("r")+`
  GROUP BY r.line_no
) AS n
WHERE l.region = @region AND l.order_id = @order AND l.line_no = n.line_no`,
		database.Columns(lines).With(database.Args{"region": order.Region, "order": order.ID}))
}

// RetryRefundInput is the wish to try a failed refund again.
type RetryRefundInput struct {
	Refund regions.Ref
	// Actor is the public id of who asks.
	Actor string
	// Idempotency names the call; its zero value is allowed: a repetition then finds the
	// refund replaced already and is refused.
	Idempotency idempotency.Key
}

// RetryRefund promises the money of a refund that failed once more, as a new refund in its
// place, which it returns: one round trip.
//
// Errors: ErrRefundNotFound, *RefundTooLargeError if the money went another way meanwhile,
// *idempotency.Replay.
func (o *Orders) RetryRefund(ctx context.Context, in RetryRefundInput) (payment.Refund, error) {
	var retried []payment.Refund
	var ids []uuid.UUID // of every attempt: the answer of one that happened may have been lost
	err := o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		again := regions.Ref{Region: in.Refund.Region, ID: uuid.New()}
		ids = append(ids, again.ID)
		payment.QueueReplacement(b, in.Refund, ids, in.Actor, &retried)
		in.Idempotency.QueueClaimWhere(b, idempotency.Answer{Resource: o.Regions.FormatID(regions.RefundPrefix, again), Status: http.StatusOK},
			payment.ReplacedSQL, database.Args{"refund_region": again.Region, "refund_id": again.ID})
		return nil
	})
	switch {
	case idempotency.Taken(err):
		return payment.Refund{}, idempotency.Find(ctx, o.DB, in.Idempotency)
	case payment.TooLarge(err):
		return payment.Refund{}, &RefundTooLargeError{Field: "amount_minor"}
	case err != nil:
		return payment.Refund{}, fmt.Errorf("retry refund: %w", err)
	case len(retried) == 1:
		return retried[0], nil
	}
	if earlier := idempotency.Find(ctx, o.DB, in.Idempotency); !errors.Is(earlier, idempotency.ErrUnknown) {
		return payment.Refund{}, earlier
	}
	return payment.Refund{}, ErrRefundNotFound
}

// GetRefund returns a refund, or ErrRefundNotFound. One round trip.
func (o *Orders) GetRefund(ctx context.Context, ref regions.Ref) (payment.Refund, error) {
	refund, err := payment.GetRefund(ctx, o.DB, ref)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return payment.Refund{}, ErrRefundNotFound
	case err != nil:
		return payment.Refund{}, fmt.Errorf("get refund: %w", err)
	}
	return refund, nil
}
