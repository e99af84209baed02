package rating

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// The parts of other packages' statements and batches that read and write ratings.

// TotalsSQL is a table expression of all customers' opinion of each rated product, for the FROM clauses of other packages:
// FROM `+rating.TotalsSQL+` r. It offers the columns product_id, stars_sum, ratings and updated_at.
const TotalsSQL = `(SELECT product_id, stars_sum, ratings, updated_at FROM product_ratings)`

// A Change says when a product's total last changed.
type Change struct {
	Product uuid.UUID
	At      time.Time
}

// QueueChanges reads at most limit products whose total changed after a position of the order (At, Product), in that order.
func QueueChanges(b *database.Batch, after Change, limit int, into *[]Change) {
	// $1 = moment, $2 = product, $3 = limit
	b.Queue(`
SELECT product_id, updated_at
FROM product_ratings
WHERE updated_at >= $1 AND (updated_at > $1 OR product_id > $2)
ORDER BY updated_at, product_id
LIMIT $3::int8`, after.At, after.Product, limit).Query(database.Collect(into, pgx.RowToStructByPos[Change]))
}

// QueueForget makes the ratings of an account that closes anonymous: each gets a random account and loses its time, by
// which the order could be found. The stars still count.
func QueueForget(b *database.Batch, customer regions.Ref) {
	b.Queue(`
UPDATE ratings
SET account_id = gen_random_uuid(), created_at = TIMESTAMPTZ '1970-01-01 00:00:00+00', updated_at = TIMESTAMPTZ '1970-01-01 00:00:00+00'
WHERE region = $1 AND account_id = $2`, customer.Region, customer.ID)
}
