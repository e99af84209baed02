package cart

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

// isRefusal reports whether the database found a change not allowed, rather than failed.
func isRefusal(err error) bool {
	return errors.Is(err, ErrNotFound) ||
		database.Violates(err, "carts_version_current") ||
		database.Violates(err, "cart_lines_quantity_allowed") ||
		database.Violates(err, "cart_lines_cart_fkey") ||
		database.Violates(err, "cart_lines_sku_fkey")
}

// explain finds out why a change was refused: the refusal says only that it was. One
// round trip.
func (c *Carts) explain(ctx context.Context, in ChangeInput, edits edits) error {
	var current Cart
	var sold []string
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		queueSold(b, edits.put, &sold)
		c.QueueGet(b, in.Cart, &current)
		return nil
	})
	if err != nil {
		return fmt.Errorf("explain why the cart was not changed: %w", err)
	}
	switch {
	case !current.OwnedBy(in.Account):
		return ErrNotFound
	case current.Status != StatusOpen:
		return ErrNotOpen
	case in.Version != nil && *in.Version != current.Version:
		return &ConflictError{Current: current}
	case len(sold) < len(edits.put):
		return &UnknownSKUError{SKUs: without(edits.put, sold)}
	case current.linesAfter(edits) > c.MaxLines:
		return &TooManyLinesError{Max: c.MaxLines}
	}
	if err := current.quantityAfter(edits); err != nil {
		return err
	}
	// What was in the way is gone by now.
	return &ConflictError{Current: current}
}

// queueSold adds the reading of those of the SKUs that are sold.
func queueSold(b *database.Batch, skus []string, into *[]string) {
	b.Queue(`
SELECT s.sku
FROM `+catalog.SKUsSQL+` s
WHERE s.sku = ANY($1::text[]) AND s.sold`, skus).Query(database.Collect(into, pgx.RowTo[string]))
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(sku string) bool { return slices.Contains(some, sku) })
}

// linesAfter returns how many lines the cart would have after the edits.
func (c Cart) linesAfter(edits edits) int {
	touched := edits.touched()
	left := 0
	for _, line := range c.Lines {
		if !slices.Contains(touched, line.SKU) {
			left++
		}
	}
	return left + len(edits.put)
}

// quantityAfter returns the *QuantityError of the first line that would hold too much, or nil.
func (c Cart) quantityAfter(edits edits) error {
	for _, line := range c.Lines {
		i := slices.Index(edits.put, line.SKU)
		if i < 0 || !slices.Contains(edits.added, line.SKU) {
			continue
		}
		if after := line.Quantity + edits.quantities[i]; after > MaxQuantity {
			return &QuantityError{SKU: line.SKU, Quantity: after}
		}
	}
	return nil
}
