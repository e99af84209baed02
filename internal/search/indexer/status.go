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

// State is what a feed is doing.
type State string

// The states of a feed.
const (
	StateStarting    State = "starting"    // or it waits for the process that feeds the index now
	StateFilling     State = "filling"     // the index does not hold everything yet
	StateFollowing   State = "following"   // the index holds everything, and edits are followed
	StateReindexing  State = "reindexing"  // so it is, and a new index is built beside it
	StateComparing   State = "comparing"   // so it is, and it is compared with the database
	StateUnavailable State = "unavailable" // the engine or the database does not answer
	StateStopped     State = "stopped"     // nobody feeds it
)

// Status is how an index is.
type Status struct {
	State State
	// Detail says more of the state: how far it is, or what is wrong.
	Detail string
	// UpTo is the moment up to which the index holds what the database says, by this process's clock; zero is unknown.
	UpTo      time.Time
	Documents int
	// Bytes is about how much room the index takes, 0 where that is not known.
	Bytes    int64
	SetAside int

	upTo time.Time // by the database's clock
}

// Lag is how far the index is behind the database; 0 where that is unknown.
func (s Status) Lag() time.Duration {
	if s.UpTo.IsZero() {
		return 0
	}
	return max(0, time.Since(s.UpTo))
}

var english = message.NewPrinter(language.English)

// String is a line for people: "0.4 s behind, 4,429 documents". It may be shown to everybody: errors, in which hosts and
// users may be, are left out.
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

// Status is how the index is, as this process sees it. It asks nobody.
func (x *Indexer) Status() Status { return *x.status.Load() }

// tell publishes how the index is after a round that ended with an error, or nil.
func (x *Indexer) tell(err error) {
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
		if x.job != nil {
			s.State = x.job.task.state()
		}
	}
	if err != nil {
		s.State, s.Detail = StateUnavailable, err.Error()
	}
	x.status.Store(&s)
}

// Replica is an index as the process that feeds it last told of it.
type Replica struct {
	Region, ID, Engine string
	// State is StateStopped where nobody feeds it.
	State  State
	Detail string
	// Lag is how far the index is behind the database now; negative where that is not known.
	Lag       time.Duration
	Documents int
	Bytes     int64
	SetAside  int
	// Silent is how long nothing was heard of it.
	Silent time.Duration
}

// maxReplicas bounds what Replicas lists.
const maxReplicas = 1000

// Replicas lists the indexes of some regions, by region and id. One round trip.
func Replicas(ctx context.Context, db *database.DB, regions []string) ([]Replica, error) {
	list, err := database.List(ctx, db, func(row pgx.CollectableRow) (r Replica, err error) {
		var lag, silent int64
		err = row.Scan(&r.Region, &r.ID, &r.Engine, &r.State, &r.Detail, &lag, &r.Documents, &r.Bytes, &r.SetAside, &silent)
		r.Lag, r.Silent = time.Duration(lag)*time.Microsecond, time.Duration(silent)*time.Microsecond
		return r, err
	}, `
SELECT region::text, id, engine, CASE WHEN held_until > now() THEN state ELSE 'stopped' END, detail,
  coalesce((extract(epoch FROM now() - caught_up_at) * 1000000)::int8, -1), documents, bytes, set_aside,
  (extract(epoch FROM now() - updated_at) * 1000000)::int8
FROM search_replicas
WHERE region = ANY($1::text[]::crdb_internal_region[])
ORDER BY region, id
LIMIT $2::int8`, regions, maxReplicas)
	if err != nil {
		return nil, fmt.Errorf("list the search indexes: %w", err)
	}
	return list, nil
}

// Aside is a product that an index cannot take.
type Aside struct {
	Region, Replica string
	Product         uuid.UUID
	Reason          string
	Since           time.Time
}

// SetAside lists products that are set aside in some regions, the latest first, at most limit. One round trip.
func SetAside(ctx context.Context, db *database.DB, regions []string, limit int) ([]Aside, error) {
	list, err := database.List(ctx, db, func(row pgx.CollectableRow) (a Aside, err error) {
		err = row.Scan(&a.Region, &a.Replica, &a.Product, &a.Reason, &a.Since)
		return a, err
	}, `
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

// SweepOnce deletes up to limit rows of each of the tables that are past their time: indexes that nobody has fed for a
// day, jobs of a week ago. It does nothing on CockroachDB, which does it by itself.
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
