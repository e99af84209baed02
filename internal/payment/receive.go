package payment

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
)

// Notice is the notice of a verified event as the inbox will hold it, in the home region
// of its payment; it is not written yet.
func (i Inbox) Notice(provider string, event Event) (Notice, error) {
	held, text, err := event.encode()
	if err != nil {
		return Notice{}, fmt.Errorf("encode webhook: %w", err)
	}
	return Notice{Provider: provider, Event: held, Region: i.home(event), unwritten: text}, nil
}

// QueueReceive adds the writing of those of the notices that are not written yet to the
// batch that acts on them. One that the inbox has already stays as it is.
func QueueReceive(b *database.Batch, notices ...Notice) {
	var homes, providers, ids, events []string
	for _, notice := range notices {
		if notice.unwritten == "" {
			continue
		}
		homes, providers = append(homes, notice.Region), append(providers, notice.Provider)
		ids, events = append(ids, notice.Event.ID), append(events, notice.unwritten)
	}
	if ids == nil {
		return
	}
	// The claim (next_attempt_at) keeps the workers off while this process acts on it.
	// $1 = regions, $2 = providers, $3 = event ids, $4 = events, $5 = seconds of the claim
	b.Queue(`
INSERT INTO webhook_inbox (region, provider, event_id, event, next_attempt_at)
SELECT w.region::crdb_internal_region, w.provider, w.event_id, w.event::jsonb, now() + $5::int8 * INTERVAL '1 second'
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w (region, provider, event_id, event)
ON CONFLICT (region, provider, event_id) DO NOTHING`,
		homes, providers, ids, events, int64(noticeClaim/time.Second))
}

// QueuePaymentNoticesDone marks notices of payments as acted on, in the batch that acts on
// them: those whose payment is known, their provider's own and, for a success, captured.
// They can still be looked at for 30 days.
func QueuePaymentNoticesDone(b *database.Batch, notices []Notice, payments []Settlement) {
	n := len(notices)
	homes, providers, ids := make([]string, n), make([]string, n), make([]string, n)
	paymentIDs, successes := make([]uuid.UUID, n), make([]bool, n)
	for i, notice := range notices {
		homes[i], providers[i], ids[i] = notice.Region, notice.Provider, notice.Event.ID
		paymentIDs[i], successes[i] = payments[i].Payment.ID, payments[i].Outcome.Status == StatusSucceeded
	}
	// One that is done is done again, which changes no more than the moment: "AND processed_at IS
	// NULL" would let PostgreSQL take the index of what is due, and with it read, and conflict
	// with, the notices of all the region.
	// $1 = regions, $2 = providers, $3 = event ids, $4 = payments, $5 = whether it is a success
	b.Queue(`
UPDATE webhook_inbox i SET processed_at = now(), expires_at = now() + INTERVAL '30 days', last_error = ''
FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bool[]) AS w (region, provider, event_id, payment, success), payments p
WHERE i.region = w.region::crdb_internal_region AND i.provider = w.provider AND i.event_id = w.event_id
  AND p.region = i.region AND p.id = w.payment AND p.provider = w.provider AND (p.status = 'captured' OR NOT w.success)`,
		homes, providers, ids, paymentIDs, successes)
}
