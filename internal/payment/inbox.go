package payment

import (
	"context"
	"encoding/json"
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
}

// Inbox keeps webhooks until they are acted on.
type Inbox struct {
	DB      *database.DB
	Regions *regions.Set
}

// Receive writes a verified event to the inbox, in the home region of its payment, and
// says whether it still has to be acted on: false for a delivery of one that was. After
// it returns without error the webhook may be acknowledged. One round trip.
func (i Inbox) Receive(ctx context.Context, provider string, event Event) (Notice, bool, error) {
	notice := Notice{Provider: provider, Event: event, Region: i.home(event)}
	notice.Event.Outcome.ClientSecret = "" // nobody needs it any more, so nobody keeps it
	text, err := json.Marshal(notice.Event)
	if err != nil {
		return Notice{}, false, fmt.Errorf("encode webhook: %w", err)
	}
	var todo bool
	err = i.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		// The claim (next_attempt_at) keeps the workers off while this process acts on it.
		// $1 = region, $2 = provider, $3 = event id, $4 = event, $5 = seconds of the claim
		b.Queue(`
INSERT INTO webhook_inbox (region, provider, event_id, event, next_attempt_at)
VALUES ($1, $2, $3, $4, now() + $5::int8 * INTERVAL '1 second')
ON CONFLICT (region, provider, event_id) DO NOTHING`,
			notice.Region, provider, event.ID, string(text), int64(noticeClaim/time.Second))
		b.Queue(`
SELECT processed_at IS NULL
FROM webhook_inbox
WHERE region = $1 AND provider = $2 AND event_id = $3`,
			notice.Region, provider, event.ID).QueryRow(func(row pgx.Row) error { return row.Scan(&todo) })
		return nil
	})
	if err != nil {
		return Notice{}, false, fmt.Errorf("write webhook to the inbox: %w", err)
	}
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

// ClaimNotices claims up to limit webhooks that are due: of the process's own region, or
// of any when nobody took them for a minute.
func (i Inbox) ClaimNotices(ctx context.Context, limit int) ([]Notice, error) {
	var notices []Notice
	err := i.DB.Write(ctx, func(b *database.Batch) error {
		notices = nil
		// $1 = own region, $2 = limit, $3 = seconds of the claim
		b.Queue(`
WITH due AS (
  SELECT region, provider, event_id
  FROM webhook_inbox
  WHERE processed_at IS NULL
    AND (region = $1 AND next_attempt_at <= now() OR next_attempt_at <= now() - INTERVAL '1 minute')
  ORDER BY next_attempt_at
  LIMIT $2::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE webhook_inbox w SET attempts = w.attempts + 1,
  next_attempt_at = now() + least($3::int8 * (w.attempts + 1), 3600) * INTERVAL '1 second'
FROM due
WHERE w.region = due.region AND w.provider = due.provider AND w.event_id = due.event_id
RETURNING w.region, w.provider, w.event, w.attempts`,
			i.DB.Region(), limit, int64(noticeClaim/time.Second)).Query(database.Collect(&notices, scanNotice))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim webhooks: %w", err)
	}
	return notices, nil
}

func scanNotice(row pgx.CollectableRow) (Notice, error) {
	var n Notice
	var event []byte
	if err := row.Scan(&n.Region, &n.Provider, &event, &n.Attempts); err != nil {
		return n, err
	}
	return n, json.Unmarshal(event, &n.Event)
}

// QueuePaymentNoticeDone marks a notice as acted on, in the batch that acts on it, if the
// payment is known and, for a success, is captured. It can still be looked at for 30 days.
func QueuePaymentNoticeDone(b *database.Batch, n Notice, payment regions.Ref) {
	// $1 = region, $2 = provider, $3 = event id, $4 = payment's region, $5 = payment, $6 = whether it is a success
	b.Queue(`
UPDATE webhook_inbox SET processed_at = now(), expires_at = now() + INTERVAL '30 days'
WHERE region = $1 AND provider = $2 AND event_id = $3
  AND EXISTS (SELECT 1 FROM payments p WHERE p.region = $4 AND p.id = $5 AND (p.status = 'captured' OR NOT $6::bool))`,
		n.Region, n.Provider, n.Event.ID, payment.Region, payment.ID, n.Event.Type == EventPaymentSucceeded)
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
WHERE region = $1 AND provider = $2 AND event_id = $3 AND processed_at IS NULL`, n.Region, n.Provider, n.Event.ID, reason)
		return nil
	})
}

// SweepOnce deletes up to limit notices of the process's region that were acted on long
// ago and says how many.
func (i Inbox) SweepOnce(ctx context.Context, limit int) (int, error) {
	return database.SweepExpired(ctx, i.DB, "webhook_inbox", "region, provider, event_id", time.Now(), limit)
}
