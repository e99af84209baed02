package recommend

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// The parts of other packages' batches that read products' popularity.

// QueuePopularity reads what is known of the products' popularity in a region.
func QueuePopularity(b *database.Batch, region string, products []uuid.UUID, into map[uuid.UUID]int64) {
	b.Queue(`
SELECT product_id, popularity
FROM product_popularity
WHERE region = $1 AND product_id = ANY($2::uuid[])`, region, products).Query(func(rows pgx.Rows) error {
		clear(into)
		var product uuid.UUID
		var popularity int64
		_, err := pgx.ForEachRow(rows, []any{&product, &popularity}, func() error {
			into[product] = popularity
			return nil
		})
		return err
	})
}

// A Change says when a product's popularity last changed.
type Change struct {
	Product uuid.UUID
	At      time.Time
}

// QueueChanges reads at most limit products whose popularity in a region changed after a position of the order (At,
// Product), in that order.
func QueueChanges(b *database.Batch, region string, after Change, limit int, into *[]Change) {
	// $1 = region, $2 = moment, $3 = product, $4 = limit
	b.Queue(`
SELECT product_id, changed_at
FROM product_popularity
WHERE region = $1 AND changed_at >= $2 AND (changed_at > $2 OR product_id > $3)
ORDER BY changed_at, product_id
LIMIT $4::int8`, region, after.At, after.Product, limit).Query(database.Collect(into, pgx.RowToStructByPos[Change]))
}
