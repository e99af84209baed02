package order

import (
	"context"
	"fmt"

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
SELECT `+database.Select[Order]("o")+`
FROM orders o
WHERE o.region = $1 AND o.id = $2`, ref.Region, ref.ID).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, database.Scan[Order])
		if err == nil && len(found) == 0 {
			return ErrNotFound
		}
		if err == nil {
			*into = found[0]
		}
		return err
	})
	b.Queue(`
SELECT `+database.Select[Line]("l")+`
FROM order_lines l
WHERE l.region = $1 AND l.order_id = $2
ORDER BY l.line_no`, ref.Region, ref.ID).Query(database.Collect(&into.Lines, database.Scan[Line]))
	payment.QueueGet(b, ref, &into.Payment)
	b.Queue(`
SELECT `+database.Select[Change]("h")+`
FROM order_history h
WHERE h.region = $1 AND h.order_id = $2
ORDER BY h.version`, ref.Region, ref.ID).Query(database.Collect(&into.History, database.Scan[Change]))
	payment.QueueRefunds(b, ref, &into.Refunds)
	b.Queue(`
SELECT `+database.Select[Shipment]("s")+`
FROM shipments s
WHERE s.region = $1 AND s.order_id = $2
ORDER BY s.warehouse`, ref.Region, ref.ID).Query(database.Collect(&into.Shipments, database.Scan[Shipment]))
}
