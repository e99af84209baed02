package database

import (
	"context"
	"fmt"
	"time"
)

// SweepExpired deletes up to limit rows of a table, of the process's own region, whose
// expires_at has passed, the oldest first, and returns how many. key is the columns of the
// table's primary key; both are constants of the domain that owns the table. It does
// nothing on CockroachDB, where the table's row-level TTL deletes them. It may run in
// several processes at once.
func SweepExpired(ctx context.Context, db *DB, table, key string, now time.Time, limit int) (int, error) {
	if db.Engine() == CockroachDB {
		return 0, nil
	}
	var n int64
	err := db.WriteIdempotent(ctx, func(b *Batch) error {
		n = 0
		Affected(b.Queue(fmt.Sprintf(`
DELETE FROM %[1]s
WHERE (%[2]s) IN (
  SELECT %[2]s
  FROM %[1]s
  WHERE region = $1 AND expires_at <= $2
  ORDER BY expires_at
  LIMIT $3::int8
)`, table, key), db.Region(), now, limit), &n)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w", table, err)
	}
	return int(n), nil
}
