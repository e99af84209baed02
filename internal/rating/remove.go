package rating

import (
	"context"
	"fmt"

	"meridian/internal/database"
)

// Remove takes a customer's rating of a product back; that there is none is no error. One round trip. It may be
// repeated.
func (r *Ratings) Remove(ctx context.Context, of Key) error {
	err := r.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		key := []any{of.Customer.Region, of.Customer.ID, of.Product}
		b.Queue(`
UPDATE product_ratings s
SET stars_sum = s.stars_sum - r.counted, ratings = s.ratings - 1, updated_at = now()
FROM ratings r
WHERE r.region = $1 AND r.account_id = $2 AND r.product_id = $3 AND s.product_id = r.product_id AND r.counted > 0`, key...)
		b.Queue(`
DELETE FROM ratings
WHERE region = $1 AND account_id = $2 AND product_id = $3`, key...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("take a rating back: %w", err)
	}
	return nil
}
