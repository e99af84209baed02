package order

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// ListFilter says which orders to list: one customer's, or those of some regions by state. The
// newest come first.
type ListFilter struct {
	// Account limits the list to one customer's orders, in their home region.
	Account *regions.Ref
	// Homes are the home regions to list; that of Account if it is set.
	Homes []string
	// Status, if not empty, limits the list to orders in that state.
	Status Status
	database.PageFilter[ListPosition]
}

// A ListPosition is where an order stands in a listing.
type ListPosition struct {
	PlacedAt time.Time
	ID       uuid.UUID
}

func (o Order) position() ListPosition { return ListPosition{PlacedAt: o.PlacedAt, ID: o.Ref.ID} }

// List returns a page of orders with what is on the order's row: neither lines nor
// payment. One round trip.
func (o *Orders) List(ctx context.Context, f ListFilter) (database.Page[Order, ListPosition], error) {
	homes, args := f.Homes, database.Args{"limit": f.Rows()}
	var where []string
	if f.Account != nil {
		homes, where = []string{f.Account.Region}, append(where, "o.account_id = @account")
		args["account"] = f.Account.ID
	}
	if f.Status != "" {
		where, args["status"] = append(where, "o.status = @status"), f.Status
	}
	if f.After != nil {
		where = append(where, "(o.placed_at, o.id) < (@after_placed_at, @after_id)")
		args["after_placed_at"], args["after_id"] = f.After.PlacedAt, f.After.ID
	}
	of := database.PerHome(homes, args, func(home string) string {
		return `
  SELECT ` + database.Select[Order]("o") + `
  FROM orders o
  WHERE ` + strings.Join(append(where, "o.region = "+home), " AND ") + `
  ORDER BY o.placed_at DESC, o.id DESC
  LIMIT @limit::int8`
	})
	sql, values := args.Bind(`
SELECT ` + database.Select[Order]("o") + `
FROM ` + of + ` AS o
ORDER BY o.placed_at DESC, o.id DESC
LIMIT @limit::int8`)
	orders, err := database.List(ctx, o.DB, database.Scan[Order], sql, values...)
	if err != nil {
		return database.Page[Order, ListPosition]{}, fmt.Errorf("list orders: %w", err)
	}
	return database.NewPage(f.PageFilter, orders, Order.position), nil
}
