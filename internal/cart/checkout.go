package cart

import (
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Checkout is a cart that becomes an order's, at the version at which it was read.
type Checkout struct {
	Cart    regions.Ref
	Version int64
}

// QueueCheckout adds to a batch the statement by which open carts become orders'. If one
// of them is not open, or not at that version any more, it breaks carts_version_current
// and so the whole batch.
func QueueCheckout(b *database.Batch, checkouts ...Checkout) {
	n := len(checkouts)
	homes, ids, versions := make([]string, n), make([]uuid.UUID, n), make([]int64, n)
	for i, c := range checkouts {
		homes[i], ids[i], versions[i] = c.Cart.Region, c.Cart.ID, c.Version
	}
	b.Queue(`
UPDATE carts c
SET status = 'ordered',
  version = CASE WHEN c.status = 'open' AND c.version = seen.version THEN c.version + 1 ELSE -1 END,
  updated_at = now()
FROM unnest($1::text[], $2::uuid[], $3::int8[]) AS seen (region, id, version)
WHERE c.region = seen.region::crdb_internal_region AND c.id = seen.id`, homes, ids, versions)
}
