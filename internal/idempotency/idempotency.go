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

// Key is a client's name for one call. Its zero value claims nothing: the client gave none.
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

// QueueClaim adds the claim to the batch of the effect.
func (k Key) QueueClaim(b *database.Batch, answer Answer) {
	if k.Key != "" {
		QueueClaims(b, Claim{k, answer})
	}
}

// QueueClaims adds the claims of several calls to the batch of their effects. If one of
// the keys is taken, none of the batch happens.
func QueueClaims(b *database.Batch, claims ...Claim) {
	n := len(claims)
	homes, scopes, keys := make([]string, n), make([]string, n), make([]string, n)
	fingerprints, statuses := make([][]byte, n), make([]int64, n)
	resources, answers := make([]string, n), make([]string, n)
	for i, c := range claims {
		homes[i], scopes[i], keys[i], fingerprints[i] = c.Region, c.Scope, c.Key.Key, c.Fingerprint
		resources[i], statuses[i], answers[i] = c.Resource, int64(c.Status), string(c.Body)
	}
	// $1 = regions, $2 = scopes, $3 = keys, $4 = fingerprints, $5 = resources, $6 = statuses, $7 = answers
	b.Queue(`
INSERT INTO idempotency_keys (region, scope, key, fingerprint, resource, status, answer)
SELECT c.region::crdb_internal_region, c.scope, c.key, c.fingerprint, c.resource, c.status, c.answer
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::int8[], $7::text[])
  AS c (region, scope, key, fingerprint, resource, status, answer)`,
		homes, scopes, keys, fingerprints, resources, statuses, answers)
}

// QueueClaimWhere claims the key only if a condition holds when the batch runs: that an
// earlier statement of it had an effect. condition is SQL whose placeholders start at $8.
func (k Key) QueueClaimWhere(b *database.Batch, answer Answer, condition string, args ...any) {
	if k.Key == "" {
		return
	}
	// $1 = region, $2 = scope, $3 = key, $4 = fingerprint, $5 = resource, $6 = status, $7 = answer
	b.Queue(`
INSERT INTO idempotency_keys (region, scope, key, fingerprint, resource, status, answer)
SELECT $1::text::crdb_internal_region, $2::text, $3::text, $4::bytea, $5::text, $6::int8, $7::text
WHERE `+condition, append([]any{k.Region, k.Scope, k.Key, k.Fingerprint, answer.Resource, answer.Status, string(answer.Body)}, args...)...)
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

// QueueFindAll is QueueFind for several keys, in one statement: earlier[i] is for keys[i].
func QueueFindAll(b *database.Batch, keys []Key, earlier []error) {
	clear(earlier)
	n := len(keys)
	homes, scopes, texts, positions := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, k := range keys {
		homes[i], scopes[i], texts[i], positions[i] = k.Region, k.Scope, k.Key, int64(i)
	}
	b.Queue(`
SELECT wanted.position, k.fingerprint, k.resource, k.status, k.answer
FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[]) AS wanted (region, scope, key, position)
JOIN idempotency_keys k ON k.region = wanted.region::crdb_internal_region AND k.scope = wanted.scope AND k.key = wanted.key`,
		homes, scopes, texts, positions).Query(func(rows pgx.Rows) error {
		var i int
		var r record
		var body string
		_, err := pgx.ForEachRow(rows, []any{&i, &r.fingerprint, &r.answer.Resource, &r.answer.Status, &body}, func() error {
			r.answer.Body = []byte(body)
			earlier[i] = keys[i].replay(r)
			return nil
		})
		return err
	})
}

// Taken reports whether a batch failed because its key had been claimed before.
func Taken(err error) bool { return database.Violates(err, "idempotency_keys_pkey") }

// Find returns what the key's first call was answered as a *Replay error, ErrReused if
// that was another request, or ErrUnknown. It never returns nil. One round trip.
func Find(ctx context.Context, db *database.DB, k Key) error {
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
	var body string
	err := row.Scan(&r.fingerprint, &r.answer.Resource, &r.answer.Status, &body)
	r.answer.Body = []byte(body)
	return r, err
}

func (k Key) replay(r record) error {
	if !bytes.Equal(r.fingerprint, k.Fingerprint) {
		return ErrReused
	}
	return &Replay{Answer: r.answer}
}

// SweepOnce deletes up to limit expired keys of the process's region and says how many.
func SweepOnce(ctx context.Context, db *database.DB, limit int) (int, error) {
	return database.SweepExpired(ctx, db, "idempotency_keys", "region, scope, key", time.Now(), limit)
}
