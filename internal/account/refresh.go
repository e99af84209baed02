package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Refresh exchanges a refresh token for new tokens of the same session, with the account's roles as they are now: one
// round trip. A token is good for one exchange, also when several are tried at the same time; another try ends the
// session, which costs a second round trip.
//
// Errors: ErrBadRefreshToken, ErrTokenReused.
func (a *Accounts) Refresh(ctx context.Context, token string) (Session, error) {
	used, err := parseRefreshToken(a.regions, token)
	if err != nil {
		return Session{}, err
	}
	e := &exchange{used: used, next: newRefreshToken(used.successor())}
	err = a.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		*e = exchange{used: e.used, next: e.next}
		e.queueNext(b, a.refreshSeconds())
		e.queueUse(b)
		e.queueAccount(b)
		return nil
	})
	if database.Violates(err, "refresh_tokens_pkey") {
		err = a.settleReuse(ctx, e)
	}
	switch {
	case err != nil:
		return Session{}, fmt.Errorf("refresh a session: %w", err)
	case e.session == uuid.Nil:
		return Session{}, ErrBadRefreshToken
	}
	return a.session(ctx, e.account, e.session, e.next, e.expires)
}

// exchange is one token's use. session, expires and account are what the database answered.
type exchange struct {
	used, next refreshToken
	session    uuid.UUID
	expires    time.Time
	account    Account
}

// queueNext inserts the successor of a token that is good. One that was used has a successor, whose key is taken: the
// batch fails. The token is found by the hash of its secret, of which nothing can be learnt by the time it takes.
func (e *exchange) queueNext(b *database.Batch, lifeSeconds int64) {
	// $1 = region, $2 = the used token, $3 = its hash, $4 = the successor, $5 = its hash, $6 = its life in seconds
	b.Queue(`
INSERT INTO refresh_tokens (region, id, account_id, family_id, token_hash, expires_at)
SELECT t.region, $4::uuid, t.account_id, t.family_id, $5::bytea, now() + $6::int8 * INTERVAL '1 second'
FROM refresh_tokens t
JOIN accounts a ON a.region = t.region AND a.id = t.account_id
WHERE t.region = $1 AND t.id = $2 AND t.token_hash = $3
  AND t.revoked_at IS NULL AND t.expires_at > now() AND a.status = 'active'
RETURNING family_id, expires_at`,
		e.used.ref.Region, e.used.ref.ID, e.used.hash(), e.next.ref.ID, e.next.hash(), lifeSeconds).Query(e.readToken)
}

// readToken reads the successor's session and end, if there is one.
func (e *exchange) readToken(rows pgx.Rows) error {
	for rows.Next() {
		if err := rows.Scan(&e.session, &e.expires); err != nil {
			return err
		}
	}
	return rows.Err()
}

// queueUse marks the token as used where it has its successor.
func (e *exchange) queueUse(b *database.Batch) {
	// $1 = region, $2 = the used token, $3 = the successor, $4 = its hash
	b.Queue(`
UPDATE refresh_tokens SET used_at = now()
WHERE region = $1 AND id = $2
  AND EXISTS (SELECT 1 FROM refresh_tokens n WHERE n.region = $1 AND n.id = $3 AND n.token_hash = $4)`,
		e.used.ref.Region, e.used.ref.ID, e.next.ref.ID, e.next.hash())
}

// queueAccount reads the account of the successor.
func (e *exchange) queueAccount(b *database.Batch) {
	b.Queue(`
SELECT `+accountColumns+`
FROM refresh_tokens n
JOIN accounts a ON a.region = n.region AND a.id = n.account_id
WHERE n.region = $1 AND n.id = $2 AND n.token_hash = $3`,
		e.next.ref.Region, e.next.ref.ID, e.next.hash()).Query(database.CollectFirst(&e.account, scanAccount))
}

// settleReuse handles a token that already has a successor. It ends the session and returns ErrTokenReused, unless the
// successor is the one we just tried to insert: then the connection broke after our own exchange had happened.
func (a *Accounts) settleReuse(ctx context.Context, e *exchange) error {
	err := a.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		*e = exchange{used: e.used, next: e.next}
		// $1 = region, $2 = the successor, $3 = the hash of the one we would have made
		b.Queue(`
UPDATE refresh_tokens SET revoked_at = now()
WHERE region = $1 AND revoked_at IS NULL
  AND family_id = (
    SELECT family_id FROM refresh_tokens WHERE region = $1 AND id = $2 AND token_hash <> $3
  )`, e.next.ref.Region, e.next.ref.ID, e.next.hash())
		b.Queue(`
SELECT family_id, expires_at
FROM refresh_tokens
WHERE region = $1 AND id = $2 AND token_hash = $3 AND revoked_at IS NULL`,
			e.next.ref.Region, e.next.ref.ID, e.next.hash()).Query(e.readToken)
		e.queueAccount(b)
		return nil
	})
	if err == nil && e.session == uuid.Nil {
		return ErrTokenReused
	}
	return err
}
