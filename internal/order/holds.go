package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/regions"
)

// HoldFilter says which unpaid orders of some home regions to list, the newest first.
type HoldFilter struct {
	Homes []string
	// SKU, if not empty, limits them to those that hold units of it.
	SKU string
	// Network, if not nil, limits them to those of one client network, as UnpaidHold.Network tells it.
	Network []byte
	database.PageFilter[ListPosition]
}

// An UnpaidHold is an order that waits for its payment and the units that it keeps from being sold.
type UnpaidHold struct {
	Ref     regions.Ref `db:"*"`
	Account *uuid.UUID  `db:"account_id"` // in the order's region; nil for a guest
	// Network is a keyed hash of the client's network, the same for all orders from there; empty where it is not known.
	Network             []byte `db:"unpaid_network"`
	PlacedAt, ExpiresAt time.Time
	Units               []HeldUnits `db:"-"`
}

// HeldUnits are the units of one line of an order.
type HeldUnits struct {
	SKU      string
	Quantity int64
}

func (h UnpaidHold) position() ListPosition {
	return ListPosition{PlacedAt: h.PlacedAt, ID: h.Ref.ID}
}

// ListHolds returns a page of unpaid orders with what they hold. One round trip.
func (o *Orders) ListHolds(ctx context.Context, f HoldFilter) (database.Page[UnpaidHold, ListPosition], error) {
	where, args := `o.status = 'pending_payment'`, database.Args{"limit": f.Rows()}
	if f.Network != nil {
		where += ` AND o.unpaid_network = @network`
		args["network"] = f.Network
	}
	if f.SKU != "" {
		where += ` AND EXISTS (SELECT 1 FROM order_lines h WHERE h.region = o.region AND h.order_id = o.id AND h.sku = @sku)`
		args["sku"] = f.SKU
	}
	if f.After != nil {
		where += ` AND (o.placed_at, o.id) < (@after_placed_at, @after_id)`
		args["after_placed_at"], args["after_id"] = f.After.PlacedAt, f.After.ID
	}
	of := database.PerHome(f.Homes, args, func(home string) string {
		return `
    SELECT ` + database.Select[UnpaidHold]("o") + `
    FROM orders o
    WHERE o.region = ` + home + ` AND ` + where + `
    ORDER BY o.placed_at DESC, o.id DESC
    LIMIT @limit::int8`
	})
	sql, values := args.Bind(`
SELECT ` + database.Select[UnpaidHold]("o") + `, l.sku, l.quantity
FROM (
  SELECT ` + database.Select[UnpaidHold]("o") + `
  FROM ` + of + ` AS o
  ORDER BY o.placed_at DESC, o.id DESC
  LIMIT @limit::int8
) AS o
JOIN order_lines l ON l.region = o.region AND l.order_id = o.id
ORDER BY o.placed_at DESC, o.id DESC, l.line_no`)
	lines, err := database.List(ctx, o.DB, scanHold, sql, values...)
	if err != nil {
		return database.Page[UnpaidHold, ListPosition]{}, fmt.Errorf("list unpaid orders: %w", err)
	}
	var holds []UnpaidHold
	for _, line := range lines {
		if last := len(holds) - 1; last >= 0 && holds[last].Ref == line.Ref {
			holds[last].Units = append(holds[last].Units, line.Units...)
			continue
		}
		holds = append(holds, line)
	}
	return database.NewPage(f.PageFilter, holds, UnpaidHold.position), nil
}

// scanHold reads a line of an unpaid order.
func scanHold(row pgx.CollectableRow) (UnpaidHold, error) {
	var hold UnpaidHold
	var units HeldUnits
	err := row.Scan(append(database.Targets(&hold), &units.SKU, &units.Quantity)...)
	hold.Units = []HeldUnits{units}
	return hold, err
}

// MaxReleased is the most orders that one call of ReleaseHolds gives up.
const MaxReleased = 100

// ReleaseHolds gives unpaid orders up for the shop, the newest first: their units are for sale again. by.Order is not read.
// It returns those that it cancelled, and whether there are more of them than the filter's limit. An order that was paid
// meanwhile stays as it is. The errors of single orders are joined.
func (o *Orders) ReleaseHolds(ctx context.Context, f HoldFilter, by Command) (released []regions.Ref, more bool, err error) {
	page, err := o.ListHolds(ctx, f)
	if err != nil {
		return nil, false, err
	}
	gone := make([]bool, len(page.Items))
	faults := make([]error, len(page.Items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, hold := range page.Items {
		group.Go(func() error {
			command := by
			command.Order = hold.Ref
			_, err := o.advance(ctx, command, stepCancel, "by_operator", checkCancelledPayment)
			gone[i] = err == nil
			if !errors.As(err, new(*StateError)) {
				faults[i] = err
			}
			return nil
		})
	}
	_ = group.Wait() // always nil
	for i, hold := range page.Items {
		if gone[i] {
			released = append(released, hold.Ref)
		}
	}
	return released, page.Next != nil, errors.Join(faults...)
}

// checkCancelledPayment has a worker tell the provider at once that a cancelled order's payment is not wanted.
func checkCancelledPayment(b *database.Batch, t transition) {
	happened := t.happened()
	payment.QueueCheckNow(b, t.Order, happened.SQL, happened.Args)
}
