package cart

import (
	"context"

	"meridian/internal/database"
)

// SweepOnce deletes up to limit carts of this process's region that have expired, with
// their lines, and says how many.
func (c *Carts) SweepOnce(ctx context.Context, limit int) (int, error) {
	return database.SweepExpired(ctx, c.DB, "carts", "region, id", c.Now(), limit)
}
