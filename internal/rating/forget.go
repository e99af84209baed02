package rating

import (
	"meridian/internal/database"
	"meridian/regions"
)

// QueueForget adds to the batch that closes an account what makes its ratings nobody's: each gets a number of its own in
// place of the account's, and loses its time, by which the order could be found. The stars count as before.
func QueueForget(b *database.Batch, customer regions.Ref) {
	b.Queue(`
UPDATE ratings
SET account_id = gen_random_uuid(), created_at = TIMESTAMPTZ '1970-01-01 00:00:00+00', updated_at = TIMESTAMPTZ '1970-01-01 00:00:00+00'
WHERE region = $1 AND account_id = $2`, customer.Region, customer.ID)
}
