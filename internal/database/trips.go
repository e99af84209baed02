package database

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Trips counts the round trips to the database made under a context.
type Trips struct{ n atomic.Int64 }

// Count returns the number of round trips so far.
func (t *Trips) Count() int64 { return t.n.Load() }

type tripsKey struct{}

// CountTrips returns a context whose database calls the returned counter counts: each
// statement, batch, BEGIN and COMMIT is one, and a retry counts again. Preparing a
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

// addTrips counts round trips that were made for this context under another.
func addTrips(ctx context.Context, n int64) {
	if trips, ok := ctx.Value(tripsKey{}).(*Trips); ok {
		trips.n.Add(n)
	}
}

// tripTracer counts into the context's counter, and notes when the server last answered.
type tripTracer struct{ answered *atomic.Int64 } // Unix nanoseconds

// note records that the server answered, be it with an error of its own.
func (t tripTracer) note(err error) {
	var refused *pgconn.PgError
	if err == nil || errors.As(err, &refused) {
		t.answered.Store(time.Now().UnixNano())
	}
}

func countTrip(ctx context.Context) context.Context {
	if trips, ok := ctx.Value(tripsKey{}).(*Trips); ok {
		trips.n.Add(1)
	}
	return ctx
}

func (tripTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return countTrip(ctx)
}

func (t tripTracer) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.note(data.Err)
}

func (tripTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return countTrip(ctx)
}

func (tripTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (t tripTracer) TraceBatchEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.note(data.Err)
}

func (tripTracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return countTrip(ctx)
}

func (tripTracer) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}
