package databasetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

// Exec runs a statement that no operation has: a fixture, the passing of time, a fault. It ends the test if the statement
// fails, or is an INSERT, UPDATE or DELETE that changes nothing.
func Exec(t testing.TB, db *database.DB, sql string, args ...any) {
	t.Helper()
	var done pgconn.CommandTag
	err := db.Write(context.WithoutCancel(t.Context()), func(b *database.Batch) error {
		b.Queue(sql, args...).Exec(func(tag pgconn.CommandTag) error { done = tag; return nil })
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if done.RowsAffected() == 0 && (done.Insert() || done.Update() || done.Delete()) {
		t.Fatalf("%s: it changed nothing", sql)
	}
}

// One returns the one value that a statement yields. It ends the test if that fails.
func One[T any](t testing.TB, db *database.DB, sql string, args ...any) T {
	t.Helper()
	value, err := database.One(context.WithoutCancel(t.Context()), db, pgx.RowTo[T], sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// Trips runs do, ends the test if that fails, and returns how many round trips it took.
func Trips(t testing.TB, do func(ctx context.Context) error) int64 {
	t.Helper()
	ctx, trips := database.CountTrips(t.Context())
	testkit.NoError(t, do(ctx))
	return trips.Count()
}

// WantTrips fails the test unless do takes that many round trips. What names it.
func WantTrips(t testing.TB, what string, want int64, do func(ctx context.Context)) {
	t.Helper()
	got := Trips(t, func(ctx context.Context) error { do(ctx); return nil })
	if got != want {
		t.Errorf("%s: %d round trips, want %d", what, got, want)
	}
}

// WantCost fails the test unless do takes that many round trips and statements, and so many statements away. What names it.
func WantCost(t testing.TB, what string, want database.Cost, do func(ctx context.Context)) {
	t.Helper()
	ctx, trips := database.CountTrips(t.Context())
	do(ctx)
	if got := trips.Cost(); got != want {
		t.Errorf("%s costs %+v, want %+v", what, got, want)
	}
}
