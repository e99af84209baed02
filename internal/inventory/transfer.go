package inventory

import (
	"cmp"
	"context"
	"fmt"

	"meridian/internal/database"
	"meridian/internal/outbox"
)

// Transfer is units that go from one warehouse to another, in whichever regions they are.
type Transfer struct {
	SKU      string
	From, To string
	Quantity int64
	Operation
}

// Validate returns *invalid.Error with everything that is wrong.
func (t Transfer) Validate() error {
	var f faults
	f.key("from_warehouse", t.From, t.SKU)
	f.text("to_warehouse", t.To, 1, 64)
	if t.From == t.To {
		f.Add("to_warehouse", "must be another warehouse than from_warehouse")
	}
	f.quantity("quantity", t.Quantity, 1)
	t.check(&f)
	return f.err()
}

// Transferred is both sides of a transfer after it.
type Transferred struct{ From, To Level }

// Transfer moves units between warehouses: both sides are one batch, one round trip.
//
// Errors: *invalid.Error, *NotEnoughError, ErrUnknownSKU, ErrUnknownWarehouse, ErrNoStock,
// for a repetition *idempotency.Replay or idempotency.ErrReused.
func (s *Stock) Transfer(ctx context.Context, in Transfer) (Transferred, error) {
	if err := in.Validate(); err != nil {
		return Transferred{}, err
	}
	from, err := s.find(ctx, in.From, in.SKU)
	if err != nil {
		return Transferred{}, err
	}
	to, err := s.find(ctx, in.To, in.SKU)
	if err != nil {
		return Transferred{}, err
	}
	var after Transferred
	err = s.write(ctx, in.Operation, from, in.Quantity, func(b *database.Batch) error {
		after = Transferred{}
		queueTransfer(b, in, from, to)
		err := outbox.Queue(b, stockEvent("stock.transferred", from, map[string]any{"to": to.Warehouse, "quantity": in.Quantity}))
		if err != nil {
			return err
		}
		if err := queueAlerts(b, from, to); err != nil {
			return err
		}
		queueLevel(b, from, &after.From)
		queueLevel(b, to, &after.To)
		return nil
	})
	if err != nil {
		return Transferred{}, fmt.Errorf("transfer stock: %w", err)
	}
	return after, nil
}

// queueTransfer changes both stock rows, locked before in the order in which everybody takes
// stock rows, and writes both movements.
func queueTransfer(b *database.Batch, in Transfer, from, to rowKey) {
	b.QueueArgs(`
SELECT s.region
FROM `+database.Unnest[rowKey]("n")+`
JOIN stock s ON s.region = n.region::crdb_internal_region AND s.sku = n.sku AND s.warehouse = n.warehouse`+lockOrder+`
FOR UPDATE OF s`, database.Columns([]rowKey{from, to}))
	queueChange(b, from, -in.Quantity)
	queueArrival(b, to, in.Quantity)
	queueMovements(b,
		movement{
			rowKey: from, Kind: "transfer_out", OnHandDelta: -in.Quantity,
			Reason: in.Reason, Actor: in.Actor, Reference: cmp.Or(in.Reference, to.Warehouse),
		},
		movement{
			rowKey: to, Kind: "transfer_in", OnHandDelta: in.Quantity,
			Reason: in.Reason, Actor: in.Actor, Reference: cmp.Or(in.Reference, from.Warehouse),
		})
}
