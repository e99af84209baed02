package indexer

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/search"
)

// feed is what is known of one index: how far its sources are, and its sweep. The live index has one, and so has the
// one that is built beside it; each stands in its own index, so both go on after a kill.
type feed struct {
	*Indexer
	index search.Index
	// positions are what was last written into the index; nil before load.
	positions map[string]string
	followers []*follower
	sweeping  sweep
	state     search.State
	// begun is when the feed began from what the index says, caughtUp when the passes that are done began: both by the
	// database's clock.
	begun, caughtUp time.Time
	// renewed is when it was last asked what is due, by this process's clock.
	renewed time.Time
}

func (x *Indexer) newFeed(index search.Index) *feed { return &feed{Indexer: x, index: index} }

// Names of positions, beside those of the sources.
const (
	// positionSwept is the state of the rules that the last whole sweep was made by: where there is none, the index has
	// not been filled yet.
	positionSwept = search.PositionFilled
	// positionSweeping is the sweep that is under way: the state it was begun by, and the product it is behind.
	positionSweeping = "sweeping"
	// positionJob is the job that an index was built by.
	positionJob = "job"
)

// Filled reports whether an index holds everything: false while it is filled for the first time, or again after it was
// lost. Its error is the engine's.
func Filled(ctx context.Context, index search.Index) (bool, error) {
	state, err := index.State(ctx)
	return state.Positions[positionSwept] != "", err
}

// load asks the index how far it is. Where it says what is known, nothing changes; else, as in a new one and in one that
// was wiped or put back, the feed begins from what it says.
func (f *feed) load(ctx context.Context) error {
	state, err := f.index.State(ctx)
	if err != nil {
		return fmt.Errorf("ask the index how far it is: %w", err)
	}
	f.state = state
	if f.positions != nil && maps.Equal(set(f.positions), set(state.Positions)) {
		return nil
	}
	if f.positions != nil {
		f.Log.WarnContext(ctx, "the search index is not as it was left: its feed begins from what it says", "replica", f.Replica, "documents", state.Documents)
	}
	return f.reset(ctx, state.Positions)
}

// clockSkew is how far clocks of a database's nodes may differ, generously.
const clockSkew = time.Minute

// reset begins from positions. Of a source without one, or with one that is still to come, as where the database was put
// back, all changes from now on are followed, and a sweep brings what was before.
func (f *feed) reset(ctx context.Context, positions map[string]string) error {
	now, err := database.One(ctx, f.DB, pgx.RowTo[time.Time], `SELECT now()`)
	if err != nil {
		return fmt.Errorf("ask for the database's time: %w", err)
	}
	f.followers, f.sweeping = nil, parseSweep(positions[positionSweeping])
	for _, s := range sources(f.DB.Region()) {
		floor, err := time.Parse(time.RFC3339Nano, positions[s.name])
		if err != nil || floor.After(now.Add(clockSkew)) {
			f.sweeping = sweep{by: f.rules}
			floor = now
		}
		f.followers = append(f.followers, &follower{source: s, floor: floor, position: floor, seen: make(map[seenRow]seenState)})
	}
	f.positions = set(positions)
	f.begun, f.caughtUp = now, f.oldest()
	return nil
}

// set are the positions that are set to something.
func set(positions map[string]string) map[string]string {
	all := make(map[string]string, len(positions))
	for name, position := range positions {
		if position != "" {
			all[name] = position
		}
	}
	return all
}

// oldest is the earliest of the followers' positions, without those of what is read seldom on purpose.
func (f *feed) oldest() time.Time {
	var oldest time.Time
	for _, follower := range f.followers {
		if !follower.seldom {
			oldest = earlier(oldest, follower.position)
		}
	}
	return oldest
}

// filled says whether the index holds everything.
func (f *feed) filled() bool { return f.positions[positionSwept] != "" }

// swept says whether it does by the rules of now.
func (f *feed) swept() bool { return f.positions[positionSwept] == string(f.rules) }

// upTo is the moment up to which the index says what the database says.
func (f *feed) upTo() time.Time {
	if f.filled() {
		return f.caughtUp
	}
	return earlier(f.begun, f.caughtUp)
}

// step brings the index a step nearer to the database: the changes since the last, what is due, a page of a sweep. busy
// is true where there is more to do at once.
func (f *feed) step(ctx context.Context) (busy bool, err error) {
	if busy, err = f.follow(ctx); err != nil {
		return false, err
	}
	due := false
	if time.Since(f.renewed) >= f.StateEvery {
		if due, err = f.renew(ctx); err != nil {
			return false, err
		}
	}
	swept, err := f.sweep(ctx)
	return busy || due || swept, err
}
