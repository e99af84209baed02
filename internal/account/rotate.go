package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// RotateOnce reads the signing keys. When the time of the next one has come it makes it, and removes those that have
// expired. Any number of processes may do it at the same time: one makes the key. One round trip when there is nothing
// to do. Call it once a minute, in some pod of some region.
func (a *Accounts) RotateOnce(ctx context.Context) error { return a.keys.rotate(ctx) }

// ErrWrongSecret is returned where the deployment's secret is not the one that the database's signing keys were sealed
// under, and so not the one that its accounts are found by.
var ErrWrongSecret = errors.New("the deployment's secret is not the one that this database's accounts were made under: " +
	"give the one that the other pods have")

// CheckSecret returns ErrWrongSecret if no signing key can be opened. The first call in the shop's life makes a key. No
// round trip while the process has a key that signs.
func (a *Accounts) CheckSecret(ctx context.Context) error {
	_, err := a.keys.signer(ctx)
	return err
}

func (s *signingKeys) rotate(ctx context.Context) error {
	rows, err := database.List(ctx, s.db, scanSealedKey, signingKeyQuery, s.now(), maxSigningKeys)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	if !s.due(rows) {
		s.keep(ctx, rows)
		return nil
	}
	if rows, err = s.makeNext(ctx); err != nil {
		return fmt.Errorf("make the next signing key: %w", err)
	}
	s.keep(ctx, rows)
	return nil
}

// rotateAhead returns how long before the newest key stops signing the next one is made.
func (s *signingKeys) rotateAhead() time.Duration { return min(s.life/2, maxRotateAhead) }

// due reports whether no key signs for long enough.
func (s *signingKeys) due(rows []sealedKey) bool {
	horizon := s.now().Add(s.rotateAhead())
	for _, row := range rows {
		if row.signUntil.After(horizon) {
			return false
		}
	}
	return true
}

// makeNext inserts a key if none signs for long enough, removes those that have expired, and returns all. The key is
// published an hour ahead where another one signs until then. Whoever lost the race finds the winner's key.
func (s *signingKeys) makeNext(ctx context.Context) (rows []sealedKey, err error) {
	now := s.now()
	ahead, atOnce := s.newSealedKey(now.Add(publishAhead)), s.newSealedKey(now)
	err = s.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`DELETE FROM signing_keys WHERE expires_at <= $1`, now)
		s.queueInsert(b, ahead, now, true)
		s.queueInsert(b, atOnce, now, false)
		b.Queue(signingKeyQuery, now, maxSigningKeys).Query(func(result pgx.Rows) (err error) {
			rows, err = pgx.CollectRows(result, scanSealedKey)
			return err
		})
		return nil
	})
	return rows, err
}

// queueInsert inserts the key if none signs for long enough, and if covered says rightly whether one signs until this
// key may. Of the two inserts of a batch the second one finds what the first one did.
func (s *signingKeys) queueInsert(b *database.Batch, key sealedKey, now time.Time, covered bool) {
	// $1 = kid, $2 = public key, $3 = private key, $4 = sign from, $5 = sign until, $6 = expires at,
	// $7 = how long is long enough, $8 = now, $9 = when a key that is published now may sign, $10 = covered
	b.Queue(`
INSERT INTO signing_keys (kid, public_key, private_key, sign_from, sign_until, expires_at)
SELECT $1::text, $2::bytea, $3::bytea, $4::timestamptz, $5::timestamptz, $6::timestamptz
WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE sign_until > $7)
  AND $10::bool = EXISTS (SELECT 1 FROM signing_keys WHERE sign_from <= $8 AND sign_until > $9)`,
		key.id, key.public, key.private, key.signFrom, key.signUntil, key.ends,
		now.Add(s.rotateAhead()), now, now.Add(publishAhead), covered)
}
