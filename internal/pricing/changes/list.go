package changes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// ErrNotFound is returned for a change that does not exist.
var ErrNotFound = errors.New("there is no such thing")

// A Log reads the audit of a database.
type Log struct{ db *database.DB }

// NewLog returns the audit of a database.
func NewLog(db *database.DB) Log { return Log{db} }

const columns = `id, kind, subject, status, needs_approval, reason, old, new, effect, requested_by, requested_at, decided_by, decided_at`

func scan(row pgx.CollectableRow) (Change, error) {
	var c Change
	err := row.Scan(&c.ID, &c.Kind, &c.Subject, &c.Status, &c.NeedsApproval, &c.Reason, &c.Old, &c.New, &c.Effect,
		&c.RequestedBy, &c.RequestedAt, &c.DecidedBy, &c.DecidedAt)
	return c, err
}

// A Filter chooses entries of the audit. Empty fields choose all.
type Filter struct {
	Kind, Subject, Status string
	// Limit is at most 500.
	database.PageFilter[Position]
}

// A Position is where a change stands in the audit.
type Position struct {
	At time.Time
	ID uuid.UUID
}

func (c Change) position() Position { return Position{At: c.RequestedAt, ID: c.ID} }

// Changes returns a page of the audit, the latest changes first. One round trip.
func (l Log) Changes(ctx context.Context, filter Filter) (database.Page[Change, Position], error) {
	before := Position{At: time.Now().Add(24 * time.Hour), ID: uuid.Max}
	if filter.After != nil {
		before = *filter.After
	}
	// $1 = kind, $2 = subject, $3 = status, $4 = before, $5 = before's id, $6 = limit
	changes, err := database.List(ctx, l.db, scan, `
SELECT `+columns+`
FROM price_changes
WHERE ($1::text = '' OR kind = $1) AND ($2::text = '' OR subject = $2) AND ($3::text = '' OR status = $3)
  AND (requested_at, id) < ($4::timestamptz, $5::uuid)
ORDER BY requested_at DESC, id DESC
LIMIT $6::int8`, filter.Kind, filter.Subject, filter.Status, before.At, before.ID, filter.Rows())
	if err != nil {
		return database.Page[Change, Position]{}, fmt.Errorf("list changes of prices: %w", err)
	}
	return database.NewPage(filter.PageFilter, changes, Change.position), nil
}

// Change returns an entry of the audit, or ErrNotFound. One round trip.
func (l Log) Change(ctx context.Context, id uuid.UUID) (Change, error) {
	var found []Change
	err := l.db.Read(ctx, func(b *database.Batch) error {
		QueueGet(b, id, &found)
		return nil
	})
	if err != nil {
		return Change{}, fmt.Errorf("get change of prices: %w", err)
	}
	if len(found) == 0 {
		return Change{}, ErrNotFound
	}
	return found[0], nil
}

// QueueGet adds to a batch the reading of a change; into stays empty where there is none.
func QueueGet(b *database.Batch, id uuid.UUID, into *[]Change) {
	b.Queue(`
SELECT `+columns+`
FROM price_changes
WHERE id = $1`, id).Query(database.Collect(into, scan))
}
