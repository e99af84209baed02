package payment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/outbox"
	"meridian/regions"
)

// Notice is a webhook as the inbox holds it: a verified event and what it is about.
type Notice struct {
	Provider string
	Event    Event
	// Region is the home of the payment: where the row is.
	Region   string
	Attempts int64

	unwritten json.RawMessage // the event, until the inbox has it
}

// Inbox keeps webhooks until they are acted on.
type Inbox struct {
	DB      *database.DB
	Regions *regions.Set
}

// Notice returns a verified event as the inbox will hold it: in the home region of its payment,
// as far as a column can hold what it says. It is not written yet.
func (i Inbox) Notice(provider string, event Event) (Notice, error) {
	held, text, err := event.encode()
	if err != nil {
		return Notice{}, fmt.Errorf("encode webhook: %w", err)
	}
	return Notice{Provider: provider, Event: held, Region: i.home(event), unwritten: json.RawMessage(text)}, nil
}

// home returns the region of the payment the event names; this process's own if that id is not
// one of ours.
func (i Inbox) home(event Event) string {
	if ref, err := i.Regions.ParseID(regions.PaymentPrefix, event.PaymentID); err == nil {
		return ref.Region
	}
	return i.DB.Region()
}

// Receive writes a verified event to the inbox and returns its notice, and whether that still has
// to be acted on: false for a delivery of one that was. After it returns without error the webhook
// may be acknowledged. One round trip.
func (i Inbox) Receive(ctx context.Context, provider string, event Event) (notice Notice, todo bool, err error) {
	if notice, err = i.Notice(provider, event); err != nil {
		return Notice{}, false, err
	}
	err = i.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		QueueReceive(b, notice)
		b.Queue(`
SELECT processed_at IS NULL
FROM webhook_inbox
WHERE region = $1 AND provider = $2 AND event_id = $3`,
			notice.Region, notice.Provider, notice.Event.ID).QueryRow(func(row pgx.Row) error { return row.Scan(&todo) })
		return nil
	})
	if err != nil {
		return Notice{}, false, fmt.Errorf("write webhook to the inbox: %w", err)
	}
	notice.unwritten = nil
	return notice, todo, nil
}

// noticeClaim is how long a notice is left alone by others: longer than acting on it takes.
const noticeClaim = 30 * time.Second

// inboxRow is a webhook as it is written first.
type inboxRow struct {
	Region   string
	Provider string
	EventID  string
	Event    json.RawMessage
	// ClaimSeconds keep the workers off while this process acts on it.
	ClaimSeconds int64 `db:"next_attempt_at" sql:"now() + r.next_attempt_at * INTERVAL '1 second'"`
}

// QueueReceive adds the writing of those of the notices that are not written yet to the
// batch that acts on them. One that the inbox has already stays as it is.
func QueueReceive(b *database.Batch, notices ...Notice) {
	var rows []inboxRow
	for _, n := range notices {
		if n.unwritten != nil {
			rows = append(rows, inboxRow{
				Region: n.Region, Provider: n.Provider, EventID: n.Event.ID, Event: n.unwritten, ClaimSeconds: int64(noticeClaim / time.Second),
			})
		}
	}
	database.QueueInsert(b, "webhook_inbox", rows, "ON CONFLICT (region, provider, event_id) DO NOTHING")
}

// noticeOfPayment is a notice that is acted on, and the payment it is about.
type noticeOfPayment struct {
	Region    string
	Provider  string
	EventID   string
	PaymentID uuid.UUID
	Success   bool
}

// QueuePaymentNoticesDone marks notices of payments as acted on, in the batch that acts on
// them: those whose payment is known, their provider's own and, for a success, captured.
// They can still be looked at for 30 days.
func QueuePaymentNoticesDone(b *database.Batch, notices []Notice, payments []Settlement) {
	rows := make([]noticeOfPayment, len(notices))
	for i, n := range notices {
		rows[i] = noticeOfPayment{
			Region: n.Region, Provider: n.Provider, EventID: n.Event.ID,
			PaymentID: payments[i].Payment.ID, Success: payments[i].Outcome.Status == StatusSucceeded,
		}
	}
	// One that is done is done again, which changes no more than the moment: "AND processed_at IS
	// NULL" would let PostgreSQL take the index of what is due, and with it read, and conflict
	// with, the notices of all the region.
	b.QueueArgs(`
UPDATE webhook_inbox i SET processed_at = now(), expires_at = now() + INTERVAL '30 days', last_error = ''
FROM `+database.Unnest[noticeOfPayment]("w")+`, payments p
WHERE i.region = w.region::crdb_internal_region AND i.provider = w.provider AND i.event_id = w.event_id
  AND p.region = i.region AND p.id = w.payment_id AND p.provider = w.provider AND (p.status = 'captured' OR NOT w.success)`,
		database.Columns(rows))
}

var noticesDue = database.Claims{
	Table: "webhook_inbox", Key: []string{"provider", "event_id"},
	Where: "processed_at IS NULL AND set_aside_at IS NULL", Due: "next_attempt_at",
	Wait:      database.Backoff("t.attempts", noticeClaim, time.Hour),
	Returning: "t.region, t.provider, t.event_id, t.event, t.attempts",
}

// ClaimNotices claims up to limit webhooks that are due. The n-th try comes n × 30 s after
// the one before, an hour at most. One that cannot be read is set aside, and its error comes
// with the others.
func (i Inbox) ClaimNotices(ctx context.Context, of database.Reach, limit int) ([]Notice, error) {
	claimed, err := database.Claim(ctx, i.DB, of, noticesDue, scanNotice, limit)
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

// readable returns the notices that can be read and sets the others aside.
func (i Inbox) readable(ctx context.Context, claimed []claimedNotice) ([]Notice, error) {
	notices := make([]Notice, 0, len(claimed))
	var unreadable []unreadableNotice
	var faults []error
	for _, n := range claimed {
		if n.unreadable == nil {
			notices = append(notices, n.Notice)
			continue
		}
		unreadable = append(unreadable, unreadableNotice{
			Region: n.Region, Provider: n.Provider, EventID: n.Event.ID, Reason: database.Text(n.unreadable.Error()),
		})
		faults = append(faults, fmt.Errorf("webhook %s of %s is set aside: %w", n.Event.ID, n.Provider, n.unreadable))
	}
	if unreadable != nil {
		faults = append(faults, i.setAside(ctx, unreadable))
	}
	return notices, errors.Join(faults...)
}

// unreadableNotice is a notice that is set aside, and why.
type unreadableNotice struct {
	Region, Provider, EventID string
	Reason                    string `db:"reason"`
}

// setAside leaves notices that cannot be read to a person. What they were about is found out
// all the same: a worker asks the provider.
func (i Inbox) setAside(ctx context.Context, notices []unreadableNotice) error {
	return i.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.QueueArgs(`
UPDATE webhook_inbox i SET set_aside_at = now(), last_error = n.reason
FROM `+database.Unnest[unreadableNotice]("n")+`
WHERE i.region = n.region::crdb_internal_region AND i.provider = n.provider AND i.event_id = n.event_id`, database.Columns(notices))
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

// QueueEvent adds an event to the batch that marks a notice as done, before that statement: it is
// written if, and only if, the notice was not done before.
func QueueEvent(b *database.Batch, n Notice, event outbox.Event) error {
	return outbox.QueueWhere(b, event, `EXISTS (
  SELECT 1 FROM webhook_inbox WHERE region = @home AND provider = @provider AND event_id = @event_id AND processed_at IS NULL)`,
		database.Args{"home": n.Region, "provider": n.Provider, "event_id": n.Event.ID})
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
// ago, and returns how many.
func (i Inbox) SweepOnce(ctx context.Context, limit int) (int, error) {
	return database.SweepExpired(ctx, i.DB, "webhook_inbox", "region, provider, event_id", time.Now(), limit)
}
