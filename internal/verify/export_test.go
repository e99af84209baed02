package verify

import (
	"context"

	"meridian/internal/database"
)

// PartRows is about how many stock rows a part has.
const PartRows = partRows

// RunStale runs a check as a pod on CockroachDB does, whatever the engine.
func RunStale(ctx context.Context, db *database.DB, o Options, name string) (Result, error) {
	chosen, err := choose([]string{name})
	if err != nil {
		return Result{}, err
	}
	a := audit{db: db, Options: o, sizes: make(map[string]int64)}
	return a.examine(ctx, chosen[0], a.fromReplica)
}
