package pricing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// NoPriceBeforeError is returned for a moment before a SKU's first price.
type NoPriceBeforeError struct {
	SKU   string
	First time.Time // when its first price began
}

func (e *NoPriceBeforeError) Error() string {
	return fmt.Sprintf("%s has no price before %s", e.SKU, e.First.UTC().Format(time.RFC3339Nano))
}

// FirstPrice returns when the first price of a SKU began, or is to begin, whatever its list and
// currency; the zero time if it never has one. What goods cost is no price. One round trip.
func (p *Pricer) FirstPrice(ctx context.Context, sku string) (time.Time, error) {
	first, err := database.One(ctx, p.DB, pgx.RowTo[*time.Time], `
SELECT min(e.valid_from)
FROM price_entries e
JOIN price_lists l ON l.code = e.list
WHERE e.sku = $1 AND l.kind <> 'cost' AND (e.valid_to IS NULL OR e.valid_to > e.valid_from)`, sku)
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the first price of a SKU: %w", err)
	}
	return database.TimeOrZero(first).UTC(), nil
}
