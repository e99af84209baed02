package cart

import (
	"context"
	"fmt"

	"meridian/internal/database"
)

// SweepOnce deletes up to limit carts of this process's region that have expired, with
// their lines, and says how many. It does nothing on CockroachDB, whose row-level TTL
// deletes them. It may be repeated and run in several processes at once.
func (c *Carts) SweepOnce(ctx context.Context, limit int) (int, error) {
	if c.DB.Engine() == database.CockroachDB {
		return 0, nil
	}
	var n int64
	err := c.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		n = 0
		database.Affected(b.Queue(`
WITH expired AS (
  SELECT region, id
  FROM carts
  WHERE region = $1 AND expires_at <= $2
  ORDER BY expires_at
  LIMIT $3::int8
  FOR UPDATE SKIP LOCKED
)
DELETE FROM carts
USING expired
WHERE carts.region = expired.region AND carts.id = expired.id`, c.DB.Region(), c.Now(), limit), &n)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sweep carts: %w", err)
	}
	return int(n), nil
}
