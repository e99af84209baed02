package finance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
)

// By is who changes something, and why: both are needed.
type By struct {
	Actor string // the public id of an account
	// Reason is one line of 3 to 500 characters. It must not hold personal data.
	Reason string
	// Idempotency makes the call safe to repeat: a repetition fails with *idempotency.Replay,
	// whose Resource is the id of the change. Its zero value claims nothing.
	Idempotency idempotency.Key
}

func (by *By) check(f *invalid.List) {
	by.Actor = f.Line("actor", by.Actor, 1, 200)
	by.Reason = f.Line("reason", by.Reason, 3, 500)
}

// claim adds the call's key to the batch of its effect.
func (by By) claim(b *database.Batch, resource string) {
	by.Idempotency.QueueClaim(b, idempotency.Answer{Resource: resource, Status: http.StatusOK})
}

// repeated is what a call failed with, or, where that is its key, its first answer.
func (f *Finance) repeated(ctx context.Context, by By, err error) error {
	if idempotency.Taken(err) {
		return idempotency.Find(ctx, f.DB, by.Idempotency)
	}
	return err
}

// Change is an entry of the audit.
type Change struct {
	ID            uuid.UUID
	Kind          string
	Subject       string // the list, currency, market, … that it is about
	Status        string
	NeedsApproval bool
	Reason        string
	// Old and New are what it was and what it is to be, as JSON objects; Effect is what the dry
	// run said of a bulk change.
	Old, New, Effect json.RawMessage
	RequestedBy      string
	RequestedAt      time.Time
	DecidedBy        string     // empty while nobody had to decide
	DecidedAt        *time.Time // when it was applied or rejected
}

// ChangeID is the public form of a change's id.
func (c Change) ChangeID() string { return c.ID.String() }

// newChange is a change that waits. What it was may be nil, for nothing.
func (f *Finance) newChange(kind, subject string, by By, old, new any) (Change, error) {
	c := Change{ID: uuid.New(), Kind: kind, Subject: subject, Status: StatusPending, Reason: by.Reason,
		RequestedBy: by.Actor, RequestedAt: f.moment(), Old: json.RawMessage("{}"), Effect: json.RawMessage("{}")}
	var err error
	if old != nil {
		if c.Old, err = json.Marshal(old); err != nil {
			return Change{}, fmt.Errorf("encode what it was: %w", err)
		}
	}
	if c.New, err = json.Marshal(new); err != nil {
		return Change{}, fmt.Errorf("encode what it is to be: %w", err)
	}
	return c, nil
}

// queue adds the audit's entry to a batch, as one that waits (queueDecision). It may be repeated.
func (c Change) queue(b *database.Batch) {
	// $1 = id, $2 = kind, $3 = subject, $4 = needs approval, $5 = reason, $6 = old, $7 = new,
	// $8 = effect, $9 = requested by, $10 = requested at
	b.Queue(`
INSERT INTO price_changes (id, kind, subject, status, needs_approval, reason, old, new, effect, requested_by, requested_at)
VALUES ($1, $2, $3, 'pending', $4, $5, $6::jsonb, $7::jsonb, $8::jsonb, $9, $10)
ON CONFLICT (id) DO NOTHING`,
		c.ID, c.Kind, c.Subject, c.NeedsApproval, c.Reason, string(c.Old), string(c.New), string(c.Effect), c.RequestedBy, c.RequestedAt)
}

// decision is how the waiting of a change ends. by is empty where nobody had to decide.
type decision struct {
	status, by string
	at         time.Time
}

// decided is the change after a decision.
func (c Change) decided(d decision) Change {
	c.Status, c.DecidedBy, c.DecidedAt = d.status, d.by, &d.at
	return c
}

// writeWithin is how long the writing of a change may take: pods find what a transaction has
// changed by the time of the statement, and look back not much further (pricing, catalog).
const writeWithin = 10 * time.Second

// queueDecision ends the waiting of a change, and counts it into n: 0 where it is decided
// already. It stands last in its batch, which fails if it runs later than latest, nil being
// whenever, or took longer than writeWithin (untimely).
func (f *Finance) queueDecision(b *database.Batch, c Change, d decision, latest *time.Time, n *int64) {
	*n = 0
	// CHECKs refuse a status that there is not, and an empty reason.
	// $1 = id, $2 = status, $3 = decided by, $4 = decided at, $5 = latest, $6 = microseconds
	database.Affected(b.Queue(`
UPDATE price_changes
SET status = CASE WHEN clock_timestamp() > $5::timestamptz THEN 'late' ELSE $2::text END,
  reason = CASE WHEN clock_timestamp() > now() + $6::int8 * INTERVAL '1 microsecond' THEN '' ELSE reason END,
  decided_by = $3, decided_at = $4
WHERE id = $1 AND status = 'pending'`, c.ID, d.status, d.by, d.at, latest, f.within.Microseconds()), n)
}

// untimely is ErrOvertaken for a batch that came too late for the instant of its change, and
// ErrTooSlow for one that took too long; any other error as it is.
func untimely(err error) error {
	switch {
	case database.Violates(err, "price_changes_status_known"):
		return ErrOvertaken
	case database.Violates(err, "price_changes_reason_given"):
		return ErrTooSlow
	}
	return err
}

// apply writes a change that one person may make alone: its key, its entry, its effect, which
// is in force from begins on at the earliest, if that is not zero. It returns the change as it
// is then.
func (f *Finance) apply(ctx context.Context, by By, c Change, resource string, begins time.Time, queue func(b *database.Batch)) (Change, error) {
	d := decision{status: StatusApplied, at: f.moment()}
	var n int64
	err := f.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		by.claim(b, resource)
		c.queue(b)
		queue(b)
		f.queueDecision(b, c, d, f.latest(begins), &n)
		return nil
	})
	return c.decided(d), f.repeated(ctx, by, untimely(err))
}

const changeColumns = `id, kind, subject, status, needs_approval, reason, old, new, effect, requested_by, requested_at, decided_by, decided_at`

func scanChange(row pgx.CollectableRow) (Change, error) {
	var c Change
	err := row.Scan(&c.ID, &c.Kind, &c.Subject, &c.Status, &c.NeedsApproval, &c.Reason, &c.Old, &c.New, &c.Effect,
		&c.RequestedBy, &c.RequestedAt, &c.DecidedBy, &c.DecidedAt)
	return c, err
}

// ChangeFilter chooses entries of the audit. Empty fields choose all.
type ChangeFilter struct {
	Kind, Subject, Status string
	// Limit is at most 500.
	database.PageFilter[ChangePosition]
}

// A ChangePosition is where a change stands in the audit.
type ChangePosition struct {
	At time.Time
	ID uuid.UUID
}

func (c Change) position() ChangePosition { return ChangePosition{At: c.RequestedAt, ID: c.ID} }

// Changes returns a page of the audit, the latest changes first. One round trip.
func (f *Finance) Changes(ctx context.Context, filter ChangeFilter) (database.Page[Change, ChangePosition], error) {
	before := ChangePosition{At: f.Now().Add(24 * time.Hour), ID: uuid.Max}
	if filter.After != nil {
		before = *filter.After
	}
	// $1 = kind, $2 = subject, $3 = status, $4 = before, $5 = before's id, $6 = limit
	changes, err := database.List(ctx, f.DB, scanChange, `
SELECT `+changeColumns+`
FROM price_changes
WHERE ($1::text = '' OR kind = $1) AND ($2::text = '' OR subject = $2) AND ($3::text = '' OR status = $3)
  AND (requested_at, id) < ($4::timestamptz, $5::uuid)
ORDER BY requested_at DESC, id DESC
LIMIT $6::int8`, filter.Kind, filter.Subject, filter.Status, before.At, before.ID, filter.Rows())
	if err != nil {
		return database.Page[Change, ChangePosition]{}, fmt.Errorf("list changes of prices: %w", err)
	}
	return database.NewPage(filter.PageFilter, changes, Change.position), nil
}

// Change is one entry of the audit, or ErrNotFound. One round trip.
func (f *Finance) Change(ctx context.Context, id uuid.UUID) (Change, error) {
	c, err := database.One(ctx, f.DB, scanChange, `
SELECT `+changeColumns+`
FROM price_changes
WHERE id = $1`, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Change{}, ErrNotFound
	}
	if err != nil {
		return Change{}, fmt.Errorf("get change of prices: %w", err)
	}
	return c, nil
}
