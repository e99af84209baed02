package indexer

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// The statements on ratings and popularity stand here, since they are the feed's part of the one round trip that reads
// several domains' tables together.

func queuePopularity(b *database.Batch, region string, products []uuid.UUID, into map[uuid.UUID]int64) {
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

func ratingChanges(b *database.Batch, behind change, limit int) func() []change {
	var found []change
	// $1 = moment, $2 = product, $3 = limit
	b.Queue(`
SELECT product_id, updated_at
FROM product_ratings
WHERE updated_at >= $1 AND (updated_at > $1 OR product_id > $2)
ORDER BY updated_at, product_id
LIMIT $3::int8`, behind.at, behind.product, limit).Query(database.Collect(&found, scanChange))
	return func() []change { return found }
}

func popularityChanges(b *database.Batch, region string, behind change, limit int) func() []change {
	var found []change
	// $1 = region, $2 = moment, $3 = product, $4 = limit
	b.Queue(`
SELECT product_id, changed_at
FROM product_popularity
WHERE region = $1 AND changed_at >= $2 AND (changed_at > $2 OR product_id > $3)
ORDER BY changed_at, product_id
LIMIT $4::int8`, region, behind.at, behind.product, limit).Query(database.Collect(&found, scanChange))
	return func() []change { return found }
}

func scanChange(row pgx.CollectableRow) (c change, err error) {
	err = row.Scan(&c.product, &c.at)
	return c, err
}
