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

// row is an event as it is written.
type row struct {
	Region, Topic, Key string
	Payload            json.RawMessage
}

// row encodes the event.
func (e Event) row() (row, error) {
	payload, err := json.Marshal(e.Payload)
	if err != nil {
		return row{}, fmt.Errorf("encode event %s: %w", e.Topic, err)
	}
	return row{Region: e.Region, Topic: e.Topic, Key: e.Key, Payload: payload}, nil
}

// Queue adds events to the batch of their cause, in one statement.
func Queue(b *database.Batch, events ...Event) error {
	rows := make([]row, len(events))
	for i, e := range events {
		var err error
		if rows[i], err = e.row(); err != nil {
			return err
		}
	}
	database.QueueInsert(b, "outbox", rows)
	return nil
}

// QueueWhere adds the event if a condition holds when the batch runs: that an earlier
// statement of it had an effect. condition is SQL; its arguments are named, none of them region,
// topic, key or payload.
func QueueWhere(b *database.Batch, e Event, condition string, args database.Args) error {
	r, err := e.row()
	if err != nil {
		return err
	}
	database.QueueInsertWhere(b, "outbox", r, condition, args)
	return nil
}

// Caused is an event of a change that may not have happened: that the row Subject, in the
// event's region, carries Transition tells that it did.
type Caused struct {
	Event
	Subject, Transition uuid.UUID
}

// causedRow is a Caused event as a statement takes it.
type causedRow struct {
	row
	Subject, Transition uuid.UUID
}

// QueueCaused adds those of the events whose change happened earlier in the batch, in one
// statement. happened is SQL that tells so, of e.region and e.key (text), e.payload (text that is
// JSON), e.subject and e.transition; those of the last two that it needs must be set.
func QueueCaused(b *database.Batch, happened string, events ...Caused) error {
	rows := make([]causedRow, len(events))
	for i, e := range events {
		r, err := e.row()
		if err != nil {
			return err
		}
		rows[i] = causedRow{row: r, Subject: e.Subject, Transition: e.Transition}
	}
	b.QueueArgs(`
INSERT INTO outbox (region, topic, key, payload)
SELECT e.region::crdb_internal_region, e.topic, e.key, e.payload::jsonb
FROM `+database.Unnest[causedRow]("e")+`
WHERE `+happened, database.Columns(rows))
	return nil
}

// UndeliveredSQL is a query of when events were written (at) that wait to be delivered: $1 =
// region, $2 = most rows.
const UndeliveredSQL = `
SELECT created_at AS at FROM outbox WHERE region = $1 AND delivered_at IS NULL ORDER BY next_attempt_at LIMIT $2::int8`
