package database

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Trips counts what the calls under a context cost. It is safe for concurrent use.
type Trips struct{ trips, statements, away atomic.Int64 }

// A Cost is what calls took of the database. Every round trip is one to the gateway, the node that the pod is connected
// to. Each statement of a batch is then one from the gateway to its rows, after the one before it has answered.
type Cost struct {
	Trips      int64 // round trips: each statement, batch, BEGIN and COMMIT; a retry counts again
	Statements int64 // statements sent, those of batches too, but not BEGIN and the like
	// Away is how many of the statements left the region, as far as their arguments tell: those with the name of another
	// region among them. Not seen are writes to GLOBAL tables and statements that name no region.
	Away int64
}

// Count returns the number of round trips so far.
func (t *Trips) Count() int64 { return t.trips.Load() }

// Cost returns all that was counted so far.
func (t *Trips) Cost() Cost {
	return Cost{Trips: t.trips.Load(), Statements: t.statements.Load(), Away: t.away.Load()}
}

func (t *Trips) add(c Cost) {
	t.trips.Add(c.Trips)
	t.statements.Add(c.Statements)
	t.away.Add(c.Away)
}

type tripsKey struct{}

// CountTrips returns a context whose database calls the returned counter counts. Preparing a
// statement, once a connection's life, is not counted. A counter that the context has
// already is returned again, so a caller further out sees all of them.
func CountTrips(ctx context.Context) (context.Context, *Trips) {
	if trips, ok := ctx.Value(tripsKey{}).(*Trips); ok {
		return ctx, trips
	}
	return countAfresh(ctx)
}

// countAfresh returns a context with a counter of its own.
func countAfresh(ctx context.Context) (context.Context, *Trips) {
	trips := new(Trips)
	return context.WithValue(ctx, tripsKey{}, trips), trips
}

// addTrips counts what was done for this context under another.
func addTrips(ctx context.Context, c Cost) {
	if trips, ok := ctx.Value(tripsKey{}).(*Trips); ok {
		trips.add(c)
	}
}

// tripTracer counts into the context's counter, and notes when the server last answered.
type tripTracer struct {
	answered *atomic.Int64   // Unix nanoseconds
	others   map[string]bool // the names of all regions but the process's own
}

func newTripTracer(c Config, answered *atomic.Int64) tripTracer {
	others := make(map[string]bool, len(c.Regions))
	for _, region := range c.Regions {
		others[region] = region != c.Region
	}
	return tripTracer{answered: answered, others: others}
}

// note records that the server answered, be it with an error of its own.
func (t tripTracer) note(err error) {
	var refused *pgconn.PgError
	if err == nil || errors.As(err, &refused) {
		t.answered.Store(time.Now().UnixNano())
	}
}

// leaves reports whether the arguments of a statement name another region.
func (t tripTracer) leaves(args []any) bool {
	for _, arg := range args {
		switch value := arg.(type) {
		case string:
			if t.others[value] {
				return true
			}
		case *string:
			if value != nil && t.others[*value] {
				return true
			}
		case []string:
			if slices.ContainsFunc(value, func(text string) bool { return t.others[text] }) {
				return true
			}
		}
	}
	return false
}

// cost returns what one statement costs besides its round trip.
func (t tripTracer) cost(sql string, args []any) Cost {
	c := Cost{}
	if !controlsTransaction(sql) {
		c.Statements = 1
		if t.leaves(args) && !strings.Contains(sql, followerRead) { // else the nearest replica answers
			c.Away = 1
		}
	}
	return c
}

// controlsTransaction reports whether a statement touches no rows: BEGIN, COMMIT, a savepoint, a setting.
func controlsTransaction(sql string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(sql, " \n\t"), " ")
	switch strings.ToUpper(strings.TrimRight(word, ";")) {
	case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET":
		return true
	}
	return false
}

func (t tripTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if trips, ok := ctx.Value(tripsKey{}).(*Trips); ok {
		cost := t.cost(data.SQL, data.Args)
		cost.Trips = 1
		trips.add(cost)
	}
	return ctx
}

func (t tripTracer) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.note(data.Err)
}

func (t tripTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if trips, ok := ctx.Value(tripsKey{}).(*Trips); ok {
		trips.add(Cost{Trips: 1})
		for _, q := range data.Batch.QueuedQueries {
			trips.add(t.cost(q.SQL, q.Arguments))
		}
	}
	return ctx
}

func (tripTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (t tripTracer) TraceBatchEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.note(data.Err)
}

func (tripTracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	addTrips(ctx, Cost{Trips: 1, Statements: 1})
	return ctx
}

func (tripTracer) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}
