package order

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// ListFilter says which orders to list: one customer's, or a region's by state. The
// newest come first.
type ListFilter struct {
	// Account limits the list to one customer's orders, in their home region.
	Account *regions.Ref
	// Region is the home region to list; that of Account if it is set.
	Region string
	// Status, if not empty, limits the list to orders in that state.
	Status Status
	// Before, if not zero, is the place of the last order of the page before.
	Before Place
	// Limit is the most orders to return, 1 or more.
	Limit int
}

// Place is where an order stands in a list.
type Place struct {
	PlacedAt time.Time
	ID       uuid.UUID
}

// List returns a page of orders with what is on the order's row: neither lines nor
// payment. One round trip.
func (o *Orders) List(ctx context.Context, f ListFilter) ([]Order, error) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		for _, value := range values {
			args = append(args, value)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, condition)
	}
	if f.Account != nil {
		and("o.region = ?", f.Account.Region)
		and("o.account_id = ?", f.Account.ID)
	} else {
		and("o.region = ?", f.Region)
	}
	if f.Status != "" {
		and("o.status = ?", f.Status)
	}
	if f.Before != (Place{}) {
		and("(o.placed_at, o.id) < (?, ?)", f.Before.PlacedAt, f.Before.ID)
	}
	args = append(args, f.Limit)
	orders, err := database.List(ctx, o.DB, scanOrder, `
SELECT `+orderColumns+`
FROM orders o
WHERE `+strings.Join(where, " AND ")+`
ORDER BY o.placed_at DESC, o.id DESC
LIMIT $`+strconv.Itoa(len(args))+`::int8`, args...)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}
