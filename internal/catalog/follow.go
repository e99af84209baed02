package catalog

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// ChangesOverlap is how long after the time that a change carries it may show at the latest: whoever follows changes by
// their times looks back so far each time. What takes longer moves the tree's state (QueueForgetAll).
const ChangesOverlap = pollOverlap

// A Change is a product that was edited.
type Change struct {
	ID      uuid.UUID
	Version int64
	At      time.Time
}

// QueueChanges adds to a batch of reads the products, of any status, that were last edited at a moment, those behind an
// id, or later; at most limit, by time and id. into is set when the batch is read.
func QueueChanges(b *database.Batch, behind Change, limit int, into *[]Change) {
	// $1 = moment, $2 = id, $3 = limit
	b.Queue(`
SELECT id, version, updated_at
FROM products
WHERE updated_at >= $1 AND (updated_at > $1 OR id > $2)
ORDER BY updated_at, id
LIMIT $3::int8`, behind.At, behind.ID, limit).Query(database.Collect(into, func(row pgx.CollectableRow) (c Change, err error) {
		err = row.Scan(&c.ID, &c.Version, &c.At)
		return c, err
	}))
}

// QueueTreeState adds to a batch of reads the database's clock and a text that differs from that of every other state
// of the category tree.
func QueueTreeState(b *database.Batch, at *time.Time, state *string) {
	b.Queue(treeStateQuery).QueryRow(func(row pgx.Row) error { return row.Scan(at, state) })
}

// QueueActiveIDs adds to a batch of reads the ids of active products behind one, in ascending order, at most limit.
// into is set when the batch is read.
func QueueActiveIDs(b *database.Batch, after uuid.UUID, limit int, into *[]uuid.UUID) {
	b.Queue(`
SELECT id
FROM products
WHERE id > $1 AND status = 'active'
ORDER BY id
LIMIT $2::int8`, after, limit).Query(database.Collect(into, pgx.RowTo[uuid.UUID]))
}

// QueueCountActive adds to a batch of reads how many products are active. It reads all of them.
func QueueCountActive(b *database.Batch, into *int) {
	b.Queue(`
SELECT count(*)
FROM products
WHERE status = 'active'`).QueryRow(func(row pgx.Row) error { return row.Scan(into) })
}
