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

// Queue adds events to the batch of their cause, in one statement.
func Queue(b *database.Batch, events ...Event) error {
	var c columns
	for _, e := range events {
		if err := c.add(e); err != nil {
			return err
		}
	}
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload)
SELECT e.region::crdb_internal_region, e.topic, e.key, e.payload::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS e (region, topic, key, payload)`, c.homes, c.topics, c.keys, c.payloads)
	return nil
}

// columns are events, a column a field.
type columns struct{ homes, topics, keys, payloads []string }

func (c *columns) add(e Event) error {
	payload, err := e.encode()
	if err != nil {
		return err
	}
	c.homes, c.topics = append(c.homes, e.Region), append(c.topics, e.Topic)
	c.keys, c.payloads = append(c.keys, e.Key), append(c.payloads, payload)
	return nil
}

// encode is the payload as JSON.
func (e Event) encode() (string, error) {
	payload, err := json.Marshal(e.Payload)
	if err != nil {
		return "", fmt.Errorf("encode event %s: %w", e.Topic, err)
	}
	return string(payload), nil
}

// QueueWhere adds the event if a condition holds when the batch runs: that an earlier
// statement of it had an effect. condition is SQL whose placeholders start at $5.
func QueueWhere(b *database.Batch, e Event, condition string, args ...any) error {
	payload, err := e.encode()
	if err != nil {
		return err
	}
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload)
SELECT $1::text::crdb_internal_region, $2::text, $3::text, $4::jsonb
WHERE `+condition, append([]any{e.Region, e.Topic, e.Key, payload}, args...)...)
	return nil
}

// Caused is an event of a change that may not have happened: that the row Subject, in the
// event's region, carries Transition tells that it did.
type Caused struct {
	Event
	Subject, Transition uuid.UUID
}

// QueueCaused adds those of the events whose change happened earlier in the batch, in one
// statement. happened is SQL that tells so, of e.region (text), e.subject and e.transition.
func QueueCaused(b *database.Batch, happened string, events ...Caused) error {
	var c columns
	subjects, transitions := make([]uuid.UUID, len(events)), make([]uuid.UUID, len(events))
	for i, e := range events {
		if err := c.add(e.Event); err != nil {
			return err
		}
		subjects[i], transitions[i] = e.Subject, e.Transition
	}
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload)
SELECT e.region::crdb_internal_region, e.topic, e.key, e.payload::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[]) AS e (region, topic, key, payload, subject, transition)
WHERE `+happened, c.homes, c.topics, c.keys, c.payloads, subjects, transitions)
	return nil
}
