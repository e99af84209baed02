package indexer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// The reasons why a process loses its lease.
var (
	errLeaseTaken = errors.New("another process feeds the index")
	errLeaseOver  = errors.New("the lease could not be renewed")
)

// A lease is this process's right to feed the index. Its context ends before the right does.
type lease struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	end    *time.Timer
}

// acquire takes the lease, or returns nil if another process holds it.
func (x *Indexer) acquire(ctx context.Context) (*lease, error) {
	began := time.Now()
	held, err := x.beat(ctx)
	if err != nil || !held {
		return nil, err
	}
	l := new(lease)
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.end = time.AfterFunc(x.remaining(began), func() { l.cancel(errLeaseOver) })
	return l, nil
}

// remaining returns how long work may continue on a lease requested at a moment: a fifth less than the lease, so that
// the last call has ended by then.
func (x *Indexer) remaining(asked time.Time) time.Duration {
	return x.Lease - x.Lease/5 - time.Since(asked)
}

// keep renews the lease until its context ends or the lease is lost.
func (x *Indexer) keep(l *lease) {
	beats := time.NewTicker(x.Heartbeat)
	defer beats.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-beats.C:
		}
		began := time.Now()
		held, err := x.beat(l.ctx)
		switch {
		case err != nil: // the timer ends it, if this lasts
		case !held:
			l.cancel(errLeaseTaken)
		default:
			l.end.Reset(x.remaining(began))
		}
	}
}

// beat takes or renews the lease, and publishes the status of the index, in one round trip. It returns false if another
// process holds the lease.
func (x *Indexer) beat(ctx context.Context) (held bool, err error) {
	s := x.Status()
	err = x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		held = false
		// $1 = region, $2 = id, $3 = engine, $4 = holder, $5 = microseconds of the lease, $6 = state, $7 = detail,
		// $8 = up to when, $9 = documents, $10 = bytes, $11 = set aside
		b.Queue(`
INSERT INTO search_replicas AS r
  (region, id, engine, holder, held_until, state, detail, caught_up_at, documents, bytes, set_aside)
VALUES ($1, $2, $3, $4, now() + $5::int8 * INTERVAL '1 microsecond', $6, $7, $8, $9, $10, $11)
ON CONFLICT (region, id) DO UPDATE
SET engine = excluded.engine, holder = excluded.holder, held_until = excluded.held_until, state = excluded.state,
    detail = excluded.detail, caught_up_at = coalesce(excluded.caught_up_at, r.caught_up_at), documents = excluded.documents,
    bytes = excluded.bytes, set_aside = excluded.set_aside, updated_at = now(), expires_at = now() + INTERVAL '1 day'
WHERE r.holder = excluded.holder OR r.held_until < now()
RETURNING r.id`, x.DB.Region(), x.Replica, x.Store.Kind(), x.holder, x.Lease.Microseconds(), s.State, database.Text(s.Detail),
			database.NullTime(s.upTo), s.Documents, s.Bytes, s.SetAside).Query(func(rows pgx.Rows) error {
			ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			held = len(ids) > 0
			return err
		})
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("take the lease of the search index %s: %w", x.Replica, err)
	}
	return held, nil
}

// releaseTimeout bounds release: the lease expires soon anyway.
const releaseTimeout = 2 * time.Second

// release ends the lease, so that another process need not wait for it to expire.
func (x *Indexer) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	err := x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE search_replicas
SET held_until = now() - INTERVAL '1 microsecond', state = 'stopped', detail = '', updated_at = now()
WHERE region = $1 AND id = $2 AND holder = $3`, x.DB.Region(), x.Replica, x.holder)
		return nil
	})
	if err != nil {
		return fmt.Errorf("release the lease of the search index %s: %w", x.Replica, err)
	}
	return nil
}
