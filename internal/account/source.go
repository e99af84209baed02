package account

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// source is where passwords for an e-mail address are tried from, as wrong ones are counted.
type source struct {
	// keys are the rows that count, each with its patience.
	keys [][]byte
	with []patience
}

// everywhere is the key under which the guesses of all unknown devices are counted.
var everywhere = []byte{}

// sourceOf returns what a sign-in for an address is counted by: a known device, or the client's network and everywhere.
func (a *Accounts) sourceOf(in SignInInput, d device, known bool) source {
	if known {
		return source{keys: [][]byte{mac(a.deviceKey, "device "+string(d.id[:]))}, with: []patience{guessesOfAccount}}
	}
	return source{
		keys: [][]byte{mac(a.deviceKey, "network "+in.Client), everywhere},
		with: []patience{guessesOfAccount, guessesOfEveryone},
	}
}

// signedIn returns what is counted of those who confirm a password with an access token.
func (a *Accounts) signedIn() source {
	return source{keys: [][]byte{mac(a.deviceKey, "signed in")}, with: []patience{guessesOfAccount}}
}

// guessRow is a row of sign_in_guesses as it is written: how it locks, in seconds.
type guessRow struct {
	Region                       string
	EmailHash, Source            []byte
	Free, First, Longest, Memory int64
}

// queueWrong counts a wrong password from where it was tried.
func queueWrong(b *database.Batch, who credentials) {
	rows := make([]guessRow, len(who.from.keys))
	for i, p := range who.from.with {
		rows[i] = guessRow{
			Region: who.Ref.Region, EmailHash: who.emailHash, Source: who.from.keys[i], Free: p.free,
			First: int64(p.first / time.Second), Longest: int64(p.most / time.Second), Memory: int64(p.memory / time.Second),
		}
	}
	// A row that has expired counts anew.
	b.QueueArgs(`
WITH wrong AS (
  SELECT r.region::crdb_internal_region AS region, r.email_hash, r.source, r.free, r.first, r.longest, r.memory,
    coalesce(g.guesses, 0) + 1 AS guesses
  FROM `+database.Unnest[guessRow]("r")+`
  LEFT JOIN sign_in_guesses g ON g.region = r.region::crdb_internal_region AND g.email_hash = r.email_hash AND g.source = r.source
    AND g.expires_at > now()
)
INSERT INTO sign_in_guesses AS s (region, email_hash, source, guesses, locked_until, expires_at)
SELECT w.region, w.email_hash, w.source, w.guesses,
  CASE WHEN w.guesses > w.free
    THEN now() + least(w.longest, w.first * power(2::float8, least(w.guesses - w.free - 1, 20)::float8)::int8) * INTERVAL '1 second'
  END,
  now() + w.memory * INTERVAL '1 second'
FROM wrong w
ORDER BY w.source
ON CONFLICT (region, email_hash, source) DO UPDATE
SET guesses = excluded.guesses, locked_until = excluded.locked_until, expires_at = excluded.expires_at`, database.Columns(rows))
}

// queueForgetGuesses forgets the wrong passwords that were tried from where the right one came from.
func queueForgetGuesses(b *database.Batch, who credentials) {
	b.Queue(`
DELETE FROM sign_in_guesses
WHERE region = $1 AND email_hash = $2 AND source = $3`, who.Ref.Region, who.emailHash, who.from.keys[0])
}

// scanLock reads until when the password may not be tried, nil where it may.
func (c *credentials) scanLock(rows pgx.Rows) error {
	locks, err := pgx.CollectRows(rows, pgx.RowTo[*time.Time])
	if err == nil && len(locks) == 1 {
		c.lockedUntil = locks[0]
	}
	return err
}

// wrongPassword counts a wrong password and returns ErrBadCredentials. An address without an account costs the same
// statement.
func (a *Accounts) wrongPassword(ctx context.Context, who credentials) error {
	err := a.db.Write(ctx, func(b *database.Batch) error {
		queueWrong(b, who)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count a wrong password: %w", err)
	}
	return ErrBadCredentials
}
