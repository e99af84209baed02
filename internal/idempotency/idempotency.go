package idempotency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

var (
	// ErrReused is returned when a key comes back with another request than the first.
	ErrReused = errors.New("the idempotency key was used for a different request: send a new key")
	// ErrUnknown is returned by Find for a key nobody claimed.
	ErrUnknown = errors.New("the idempotency key is not known")
)

// Key names one call, as its client does. Its zero value claims nothing: the client gave none.
type Key struct {
	// Region is the home region of the resource that is acted on.
	Region string
	// Scope is the public id of that resource: keys of different resources never meet.
	Scope string
	// Key is the client's text.
	Key string
	// Fingerprint is a digest of the whole request. The same key with another is ErrReused.
	Fingerprint []byte
}

// Answer is what the first call was answered.
type Answer struct {
	// Resource is the public id of what the call made or changed.
	Resource string
	// Status is the HTTP status.
	Status int
	// Body is the JSON body; empty where the answer is the resource as it is now.
	Body []byte
}

// Replay is the error of a call that happened before: it carries the first answer.
type Replay struct{ Answer Answer }

func (r *Replay) Error() string {
	return "this call was answered before: " + r.Answer.Resource
}

// Claim is a key and the answer of the call that it names.
type Claim struct {
	Key
	Answer
}

// row is a claim as it is written.
type row struct {
	Region, Scope, Key string
	Fingerprint        []byte
	Resource           string
	Status             int
	Answer             string
}

func (c Claim) row() row {
	return row{
		Region: c.Region, Scope: c.Scope, Key: c.Key.Key, Fingerprint: c.Fingerprint,
		Resource: c.Resource, Status: c.Status, Answer: string(c.Body),
	}
}

// Writer returns how a batch with the key's effect is sent: an effect that no key names might
// happen twice if it were sent again after a lost connection.
func (k Key) Writer(db *database.DB) func(ctx context.Context, queue func(b *database.Batch) error) error {
	if k.Key == "" {
		return db.Write
	}
	return db.WriteIdempotent
}

// QueueClaim adds the claim to the batch of the effect.
func (k Key) QueueClaim(b *database.Batch, answer Answer) {
	if k.Key != "" {
		QueueClaims(b, Claim{k, answer})
	}
}

// QueueClaims adds the claims of several calls to the batch of their effects. If one of
// the keys is taken, none of the batch happens.
func QueueClaims(b *database.Batch, claims ...Claim) {
	rows := make([]row, len(claims))
	for i, c := range claims {
		rows[i] = c.row()
	}
	database.QueueInsert(b, "idempotency_keys", rows)
}

// QueueClaimWhere claims the key only if a condition holds when the batch runs: that an
// earlier statement of it had an effect. condition is SQL; its arguments are named, none of them
// like a column of the claim.
func (k Key) QueueClaimWhere(b *database.Batch, answer Answer, condition string, args database.Args) {
	if k.Key != "" {
		database.QueueInsertWhere(b, "idempotency_keys", Claim{k, answer}.row(), condition, args)
	}
}

// QueueFind adds the search for an earlier answer to a batch of reads. into becomes a
// *Replay or ErrReused if there was one, and nil otherwise.
func (k Key) QueueFind(b *database.Batch, into *error) {
	*into = nil
	if k.Key == "" {
		return
	}
	b.Queue(findQuery, k.Region, k.Scope, k.Key).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanRecord)
		if err == nil && len(found) == 1 {
			*into = k.replay(found[0])
		}
		return err
	})
}

// wanted is a key that is looked for, and its place among the others.
type wanted struct {
	Region, Scope, Key string
	Place              int
}

// QueueFindAll adds the search for several keys, in one statement: earlier[i] is for keys[i], as
// QueueFind's into is for one.
func QueueFindAll(b *database.Batch, keys []Key, earlier []error) {
	clear(earlier)
	rows := make([]wanted, len(keys))
	for i, k := range keys {
		rows[i] = wanted{Region: k.Region, Scope: k.Scope, Key: k.Key, Place: i}
	}
	b.QueueArgs(`
SELECT w.place, k.fingerprint, k.resource, k.status, k.answer
FROM `+database.Unnest[wanted]("w")+`
JOIN idempotency_keys k ON k.region = w.region::crdb_internal_region AND k.scope = w.scope AND k.key = w.key`,
		database.Columns(rows)).Query(func(rows pgx.Rows) error {
		var i int
		var r record
		_, err := pgx.ForEachRow(rows, append([]any{&i}, r.targets()...), func() error {
			earlier[i] = keys[i].replay(r)
			return nil
		})
		return err
	})
}

// Taken reports whether a batch failed because its key had been claimed before.
func Taken(err error) bool { return database.Violates(err, "idempotency_keys_pkey") }

// Find returns what the key's first call was answered as a *Replay error, ErrReused if
// that was another request, or ErrUnknown. It never returns nil. One round trip; none for the
// zero Key, which is unknown.
func Find(ctx context.Context, db *database.DB, k Key) error {
	if k.Key == "" {
		return ErrUnknown
	}
	record, err := database.One(ctx, db, scanRecord, findQuery, k.Region, k.Scope, k.Key)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrUnknown
	case err != nil:
		return fmt.Errorf("find idempotency key: %w", err)
	}
	return k.replay(record)
}

const findQuery = `
SELECT fingerprint, resource, status, answer
FROM idempotency_keys
WHERE region = $1 AND scope = $2 AND key = $3`

type record struct {
	fingerprint []byte
	answer      Answer
}

func scanRecord(row pgx.CollectableRow) (record, error) {
	var r record
	err := row.Scan(r.targets()...)
	return r, err
}

func (r *record) targets() []any {
	return []any{&r.fingerprint, &r.answer.Resource, &r.answer.Status, &r.answer.Body}
}

func (k Key) replay(r record) error {
	if !bytes.Equal(r.fingerprint, k.Fingerprint) {
		return ErrReused
	}
	return &Replay{Answer: r.answer}
}

// SweepOnce deletes up to limit expired keys of the process's region and returns how many.
func SweepOnce(ctx context.Context, db *database.DB, limit int) (int, error) {
	return database.SweepExpired(ctx, db, "idempotency_keys", "region, scope, key", time.Now(), limit)
}
