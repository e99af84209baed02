package finance

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/pricing"
)

// ChangeLine is a line of a bulk change with the price that it takes, or took, the place of.
type ChangeLine struct {
	Line
	// OldMinor is what the list said just before; nil where it had no price. For a change that
	// waits it is what the list says of that instant now.
	OldMinor *int64
	// AfterMinor is what the list says when the line ends; nil where it then has no price, and for
	// a line without an end.
	AfterMinor *int64
}

// ChangeLines returns a page of the lines of a bulk change by their numbers, at most 5000. A
// change of another kind has none. One round trip.
func (f *Finance) ChangeLines(
	ctx context.Context, change uuid.UUID, filter database.PageFilter[int64],
) (database.Page[ChangeLine, int64], error) {
	// $1 = change, $2 = after, $3 = limit, $4 = when lines that wait for no instant would begin
	lines, err := database.List(ctx, f.DB, func(row pgx.CollectableRow) (ChangeLine, error) {
		var l ChangeLine
		var from, to *time.Time
		err := row.Scan(&l.No, &l.SKU, &l.MinQuantity, &l.AmountMinor, &from, &to, &l.OldMinor, &l.AfterMinor)
		l.From, l.To = database.TimeOrZero(from), database.TimeOrZero(to)
		return l, err
	}, `
SELECT l.line_no, l.sku, l.min_quantity, l.amount_minor, l.valid_from, l.valid_to, (
    SELECT e.amount_minor
    FROM `+pricing.EntriesSQL+` e
    WHERE e.sku = l.sku AND e.list = l.list AND e.min_quantity = l.min_quantity
      AND e.valid_from < coalesce(l.valid_from, $4::timestamptz)
      AND (e.valid_to IS NULL OR (e.valid_to > e.valid_from AND e.valid_to >= coalesce(l.valid_from, $4::timestamptz)))
    ORDER BY e.valid_from DESC
    LIMIT 1), (
    SELECT e.amount_minor
    FROM `+pricing.EntriesSQL+` e
    WHERE e.sku = l.sku AND e.list = l.list AND e.min_quantity = l.min_quantity
      AND e.valid_from <= l.valid_to AND (e.valid_to IS NULL OR e.valid_to > l.valid_to))
FROM price_change_lines l
WHERE l.change_id = $1 AND l.line_no > $2
ORDER BY l.line_no
LIMIT $3::int8`, change, filter.Start(), filter.Rows(), f.soon())
	if err != nil {
		return database.Page[ChangeLine, int64]{}, fmt.Errorf("list lines of a change: %w", err)
	}
	return database.NewPage(filter, lines, func(l ChangeLine) int64 { return l.No }), nil
}
