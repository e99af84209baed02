package database

import (
	"context"
	"time"
)

type freshKey struct{}

// WithFresh returns a context in which statements are answered as the rows are now, and not by the nearest replica as they were
// (FollowerRead): for who has just written.
func WithFresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }

// FollowerRead returns Engine.FollowerRead's clause, or nothing in a context of WithFresh.
func (db *DB) FollowerRead(ctx context.Context) string {
	if ctx.Value(freshKey{}) != nil {
		return ""
	}
	return db.engine.FollowerRead()
}

// FollowerReadAge returns how old the answer of a statement with FollowerRead is.
func (db *DB) FollowerReadAge(ctx context.Context) time.Duration {
	if ctx.Value(freshKey{}) != nil {
		return 0
	}
	return db.engine.FollowerReadAge()
}
