package indexer

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"meridian/internal/database"
)

// State is the state of a feed.
type State string

// The states of a feed.
const (
	StateStarting    State = "starting"    // or waiting for the process that feeds the index now
	StateFilling     State = "filling"     // the index is not complete yet
	StateFollowing   State = "following"   // the index is complete, and edits are followed
	StateReindexing  State = "reindexing"  // following, and a new index is built beside it
	StateComparing   State = "comparing"   // following, and the index is compared with the database
	StateUnavailable State = "unavailable" // the engine or the database does not answer
	StateStopped     State = "stopped"     // no process feeds the index
)

// Status is the status of an index.
type Status struct {
	State State
	// Detail describes the state: progress, or an error.
	Detail string
	// UpTo is the moment up to which the index matches the database, by this process's clock; zero if unknown.
	UpTo      time.Time
	Documents int
	// Bytes is the approximate size of the index, 0 if unknown.
	Bytes    int64
	SetAside int

	upTo time.Time // by the database's clock
}

// Lag returns how far the index is behind the database, 0 if unknown.
func (s Status) Lag() time.Duration {
	if s.UpTo.IsZero() {
		return 0
	}
	return max(0, time.Since(s.UpTo))
}

var english = message.NewPrinter(language.English)

// String returns the status in a line for people: "0.4 s behind, 4,429 documents". It is safe to show to everyone:
// errors, which may name hosts and users, are left out.
func (s Status) String() string {
	text := string(s.State)
	if !s.UpTo.IsZero() {
		text = english.Sprintf("%.1f s behind, %d documents", s.Lag().Seconds(), s.Documents)
	}
	if s.SetAside > 0 {
		text += english.Sprintf(", %d set aside", s.SetAside)
	}
	if s.State != StateFollowing && !s.UpTo.IsZero() {
		text += ", " + string(s.State)
	}
	if s.Detail != "" && s.State != StateUnavailable {
		text += ": " + s.Detail
	}
	return text
}

// Status returns the status of the index after the last round.
func (x *Indexer) Status() Status { return *x.status.Load() }

// publish sets the status of the index after a round that ended with an error, or nil.
func (x *Indexer) publish(err error) {
	s := Status{State: StateStarting, SetAside: len(x.aside)}
	if f := x.live; f != nil && f.positions != nil {
		s.Documents, s.Bytes = f.state.Documents, f.state.Bytes
		s.upTo = f.upTo()
		s.UpTo = s.upTo.Add(x.ahead)
		s.State = StateFollowing
		if !f.filled() {
			s.State = StateFilling
		}
		if f.sweeping.total > 0 {
			s.Detail = english.Sprintf("%d of %d products", f.sweeping.done, f.sweeping.total)
		}
		if state := x.working.Load(); state != nil {
			s.State = *state
		}
	}
	if err != nil {
		s.State, s.Detail = StateUnavailable, err.Error()
	}
	x.status.Store(&s)
}

// A Replica is an index as the process that feeds it last reported it.
type Replica struct {
	Region, ID, Engine string
	// State is StateStopped if no process feeds it.
	State  State
	Detail string
	// Lag is how far the index is behind the database now; negative if unknown.
	Lag       time.Duration
	Documents int
	Bytes     int64
	SetAside  int
	// Silent is the time since its last report.
	Silent time.Duration
}

// maxReplicas bounds what Replicas returns.
const maxReplicas = 1000

// Replicas returns the indexes of some regions, by region and id. One round trip.
func Replicas(ctx context.Context, db *database.DB, regions []string) ([]Replica, error) {
	list, err := database.List(ctx, db, pgx.RowToStructByPos[Replica], `
SELECT region::text, id, engine, CASE WHEN held_until > now() THEN state ELSE 'stopped' END, detail,
  coalesce((extract(epoch FROM now() - caught_up_at) * 1000000)::int8 * 1000, -1), documents, bytes, set_aside,
  (extract(epoch FROM now() - updated_at) * 1000000)::int8 * 1000
FROM search_replicas
WHERE region = ANY($1::text[]::crdb_internal_region[])
ORDER BY region, id
LIMIT $2::int8`, regions, maxReplicas)
	if err != nil {
		return nil, fmt.Errorf("list the search indexes: %w", err)
	}
	return list, nil
}

// An Aside is a product that an index cannot hold.
type Aside struct {
	Region, Replica string
	Product         uuid.UUID
	Reason          string
	Since           time.Time
}

// SetAside returns the products set aside in some regions, latest first, at most limit. One round trip.
func SetAside(ctx context.Context, db *database.DB, regions []string, limit int) ([]Aside, error) {
	list, err := database.List(ctx, db, pgx.RowToStructByPos[Aside], `
SELECT region::text, replica, product_id, reason, since
FROM search_set_aside
WHERE region = ANY($1::text[]::crdb_internal_region[])
ORDER BY since DESC, region, replica, product_id
LIMIT $2::int8`, regions, limit)
	if err != nil {
		return nil, fmt.Errorf("list what is set aside: %w", err)
	}
	return list, nil
}

// SweepOnce deletes at most limit expired rows of each table: indexes that were not fed for a day, and jobs of a week
// ago. On CockroachDB, which expires rows itself, it does nothing.
func SweepOnce(ctx context.Context, db *database.DB, limit int) (int, error) {
	var n int
	for _, of := range []struct{ table, key string }{
		{"search_replicas", "region, id"}, {"search_set_aside", "region, replica, product_id"}, {"search_jobs", "region, id"},
	} {
		swept, err := database.SweepExpired(ctx, db, of.table, of.key, time.Now(), limit)
		if err != nil {
			return n, err
		}
		n += swept
	}
	return n, nil
}
