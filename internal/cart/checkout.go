package cart

import (
	"meridian/internal/database"
	"meridian/regions"
)

// QueueCheckout adds to a batch the statement by which an open cart becomes an order's.
// A cart that is not open, or not at that version any more, breaks carts_version_current
// and so the whole batch.
func QueueCheckout(b *database.Batch, ref regions.Ref, version int64) {
	b.Queue(`
UPDATE carts
SET status = 'ordered',
  version = CASE WHEN status = 'open' AND version = $3 THEN version + 1 ELSE -1 END,
  updated_at = now()
WHERE region = $1 AND id = $2`, ref.Region, ref.ID, version)
}
