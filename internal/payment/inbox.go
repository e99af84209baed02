package payment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// Notice is a webhook as the inbox holds it: a verified event and what it is about.
type Notice struct {
	Provider string
	Event    Event
	// Region is the home of the payment: where the row is.
	Region   string
	Attempts int64

	unwritten string // the event as JSON, until the inbox has it
}

// Inbox keeps webhooks until they are acted on.
type Inbox struct {
	DB      *database.DB
	Regions *regions.Set
}

// Receive writes a verified event to the inbox, in the home region of its payment, as far as
// a column can hold what it says, and says whether it still has to be acted on: false for a
// delivery of one that was. After it returns without error the webhook may be acknowledged.
// One round trip.
func (i Inbox) Receive(ctx context.Context, provider string, event Event) (Notice, bool, error) {
	notice, err := i.Notice(provider, event)
	if err != nil {
		return Notice{}, false, err
	}
	var todo bool
	err = i.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		QueueReceive(b, notice)
		b.Queue(`
SELECT processed_at IS NULL
FROM webhook_inbox
WHERE region = $1 AND provider = $2 AND event_id = $3`,
			notice.Region, provider, notice.Event.ID).QueryRow(func(row pgx.Row) error { return row.Scan(&todo) })
		return nil
	})
	if err != nil {
		return Notice{}, false, fmt.Errorf("write webhook to the inbox: %w", err)
	}
	notice.unwritten = ""
	return notice, todo, nil
}

// home is the region of the payment the event names; this process's own if that id is not
// one of ours.
func (i Inbox) home(event Event) string {
	if ref, err := i.Regions.ParseID(regions.PaymentPrefix, event.PaymentID); err == nil {
		return ref.Region
	}
	return i.DB.Region()
}

// noticeClaim is how long a notice is left alone by others: longer than acting on it takes.
const noticeClaim = 30 * time.Second

// ClaimNotices claims up to limit webhooks that are due. The n-th try comes n × 30 s after
// the one before, an hour at most. One that cannot be read is set aside, and its error comes
// with the others.
func (i Inbox) ClaimNotices(ctx context.Context, of database.Reach, limit int) ([]Notice, error) {
	// $1 = region, $2 = seconds overdue, $3 = limit, $4 = seconds of the claim
	claimed, err := database.Claim(ctx, i.DB, of, scanNotice, `
WITH due AS (
  SELECT region, provider, event_id
  FROM webhook_inbox
  WHERE region = $1 AND processed_at IS NULL AND set_aside_at IS NULL
    AND next_attempt_at <= now() - $2::int8 * INTERVAL '1 second'
  ORDER BY next_attempt_at
  LIMIT $3::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE webhook_inbox w SET attempts = w.attempts + 1,
  next_attempt_at = now() + least($4::int8 * (w.attempts + 1), 3600) * INTERVAL '1 second'
FROM due
WHERE w.region = due.region AND w.provider = due.provider AND w.event_id = due.event_id
RETURNING w.region, w.provider, w.event_id, w.event, w.attempts`, limit, int64(noticeClaim/time.Second))
	if err != nil {
		return nil, fmt.Errorf("claim webhooks: %w", err)
	}
	return i.readable(ctx, claimed)
}

// claimedNotice is a row of the inbox, and why it cannot be read.
type claimedNotice struct {
	Notice
	unreadable error
}

func scanNotice(row pgx.CollectableRow) (claimedNotice, error) {
	var n claimedNotice
	var id string
	var event []byte
	if err := row.Scan(&n.Region, &n.Provider, &id, &event, &n.Attempts); err != nil {
		return n, err
	}
	n.unreadable = json.Unmarshal(event, &n.Event)
	n.Event.ID = id
	return n, nil
}

// readable sets aside what cannot be read and returns the rest.
func (i Inbox) readable(ctx context.Context, claimed []claimedNotice) ([]Notice, error) {
	notices := make([]Notice, 0, len(claimed))
	var faults []error
	for _, n := range claimed {
		if n.unreadable == nil {
			notices = append(notices, n.Notice)
			continue
		}
		faults = append(faults,
			fmt.Errorf("webhook %s of %s is set aside: %w", n.Event.ID, n.Provider, n.unreadable), i.setAside(ctx, n))
	}
	return notices, errors.Join(faults...)
}

// setAside leaves a notice that cannot be read to a person. What it was about is found out
// all the same: a worker asks the provider.
func (i Inbox) setAside(ctx context.Context, n claimedNotice) error {
	return i.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE webhook_inbox SET set_aside_at = now(), last_error = $4
WHERE region = $1 AND provider = $2 AND event_id = $3`,
			n.Region, n.Provider, n.Event.ID, database.Text(n.unreadable.Error()))
		return nil
	})
}

// QueueNoticeDone marks a notice as acted on whatever it was about; remark says why, where
// nothing was to be done.
func QueueNoticeDone(b *database.Batch, n Notice, remark string) {
	b.Queue(`
UPDATE webhook_inbox SET processed_at = now(), expires_at = now() + INTERVAL '30 days', last_error = $4
WHERE region = $1 AND provider = $2 AND event_id = $3`, n.Region, n.Provider, n.Event.ID, remark)
}

// Postpone records why a notice could not be acted on yet. It comes up again by itself.
func (i Inbox) Postpone(ctx context.Context, n Notice, reason string) error {
	return i.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE webhook_inbox SET last_error = $4
WHERE region = $1 AND provider = $2 AND event_id = $3 AND processed_at IS NULL`,
			n.Region, n.Provider, n.Event.ID, database.Text(reason))
		return nil
	})
}

// SweepOnce deletes up to limit notices of the process's region that were acted on long
// ago and says how many.
func (i Inbox) SweepOnce(ctx context.Context, limit int) (int, error) {
	return database.SweepExpired(ctx, i.DB, "webhook_inbox", "region, provider, event_id", time.Now(), limit)
}
