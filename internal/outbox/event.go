// Package outbox holds the shop's events: written in the transaction that caused them,
// so none is lost and none is invented, and delivered from there at least once: the
// receiver drops an id it has seen. They come in the order they were written, but one that
// the receiver refused comes again later, after its successors: CreatedAt tells. Payloads
// hold no personal data.
package outbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
)

// Event is something that happened.
type Event struct {
	// Region is the home region of what it is about.
	Region string
	// ID names the event; receivers drop an id they have seen. Set when it is written.
	ID uuid.UUID
	// Topic is what happened: a noun and a past participle, "order.paid".
	Topic string
	// Key is the public id of what it is about.
	Key string
	// Payload is a JSON object. Anything that json.Marshal takes when written, the raw
	// JSON when delivered.
	Payload any
	// CreatedAt is when the transaction wrote it.
	CreatedAt time.Time
}

// Queue adds the event to the batch of its cause.
func Queue(b *database.Batch, e Event) error {
	payload, err := json.Marshal(e.Payload)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.Topic, err)
	}
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload)
VALUES ($1, $2, $3, $4)`, e.Region, e.Topic, e.Key, string(payload))
	return nil
}

// QueueWhere adds the event if a condition holds when the batch runs: that an earlier
// statement of it had an effect. condition is SQL whose placeholders start at $5.
func QueueWhere(b *database.Batch, e Event, condition string, args ...any) error {
	payload, err := json.Marshal(e.Payload)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.Topic, err)
	}
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload)
SELECT $1::text::crdb_internal_region, $2::text, $3::text, $4::jsonb
WHERE `+condition, append([]any{e.Region, e.Topic, e.Key, string(payload)}, args...)...)
	return nil
}
