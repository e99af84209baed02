package databasetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
)

// Exec runs a statement that no operation has: a fixture, the passing of time, a fault. An INSERT, UPDATE or DELETE that
// changes nothing fails the test, which would prove nothing.
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

// One is the one value that a statement yields.
func One[T any](t testing.TB, db *database.DB, sql string, args ...any) T {
	t.Helper()
	value, err := database.One(context.WithoutCancel(t.Context()), db, pgx.RowTo[T], sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}
