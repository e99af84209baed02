package verify

import (
	"context"

	"meridian/internal/database"
)

// RunStale is what Run does for each check of a pod's audit on CockroachDB.
func RunStale(ctx context.Context, db *database.DB, o Options, name string) (Result, error) {
	chosen, err := choose([]string{name})
	if err != nil {
		return Result{}, err
	}
	return chosen[0].runStale(ctx, db, o)
}
