package finance

import (
	"context"
	"net/http"
	"time"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/pricing/changes"
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

// repeated returns what a call failed with, or, where that is its key, its first answer.
func (f *Finance) repeated(ctx context.Context, by By, err error) error {
	if idempotency.Taken(err) {
		return idempotency.Find(ctx, f.DB, by.Idempotency)
	}
	return err
}

// A Change is an entry of the audit; a ChangeFilter chooses some.
type (
	Change         = changes.Change
	ChangeFilter   = changes.Filter
	ChangePosition = changes.Position
)

// newChange returns a pending change. A nil old stands for nothing.
func (f *Finance) newChange(kind, subject string, by By, old, new any) (Change, error) {
	return changes.New(kind, subject, by.Actor, by.Reason, f.moment(), old, new)
}

// writeWithin is how long the writing of a change may take: pods find what a transaction has
// changed by the time of the statement, and look back not much further (pricing, catalog).
const writeWithin = 10 * time.Second

// untimely returns ErrOvertaken for a batch that came too late for the instant of its change, and
// ErrTooSlow for one that took too long; any other error as it is.
func untimely(err error) error {
	switch {
	case changes.Late(err):
		return ErrOvertaken
	case changes.TooSlow(err):
		return ErrTooSlow
	}
	return err
}

// apply writes a change that one person may make alone: its key, its entry, and its effect, which
// is in force from begins on at the earliest, if that is not zero. It returns the applied change.
func (f *Finance) apply(
	ctx context.Context, by By, c Change, resource string, begins time.Time, queue func(b *database.Batch),
) (Change, error) {
	applied := c.Decided(changes.Applied, "", f.moment())
	var n int64
	err := f.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		by.claim(b, resource)
		c.Queue(b)
		queue(b)
		applied.QueueDecision(b, f.latest(begins), f.within, &n)
		return nil
	})
	return applied, f.repeated(ctx, by, untimely(err))
}
