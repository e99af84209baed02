package indexer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/search"
)

// A feed follows one index: how far its sources were read, and its sweep. The live index has a feed, and so has the one
// that is built beside it. Each stores its positions in its own index, so both continue after a kill.
type feed struct {
	*Indexer
	index search.Index
	// positions are the positions last written to the index; nil before load.
	positions map[string]string
	followers []*follower
	sweeping  sweep
	state     search.State
	// begun is when the feed began, caughtUp when the last completed passes began; both by the database's clock.
	begun, caughtUp time.Time
	// checkedDue is when due documents were last read, by this process's clock.
	checkedDue time.Time
}

func (x *Indexer) newFeed(index search.Index) *feed { return &feed{Indexer: x, index: index} }

// The names of positions, besides those of the sources.
const (
	// positionSwept holds the rules of the last complete sweep. Without it, the index has not been filled yet.
	positionSwept = search.PositionFilled
	// positionSweeping holds the current sweep: the rules it began with, and the last product it has swept.
	positionSweeping = "sweeping"
	// positionJob holds the job that built the index.
	positionJob = "job"
)

// Filled reports whether an index is complete: it is not while it is being filled, for the first time or after it was
// lost. Its error is the engine's.
func Filled(ctx context.Context, index search.Index) (bool, error) {
	state, err := index.State(ctx)
	return state.Positions[positionSwept] != "", err
}

// load reads the positions of the index. If they are not those last written, as in an index that is new, wiped or
// restored, the feed restarts from them.
func (f *feed) load(ctx context.Context) error {
	state, err := f.index.State(ctx)
	if err != nil {
		return fmt.Errorf("read the positions of the index: %w", err)
	}
	f.state = state
	if f.positions != nil && maps.Equal(set(f.positions), set(state.Positions)) {
		return nil
	}
	if f.positions != nil {
		f.Log.WarnContext(ctx, "the search index was changed by others: its feed restarts from the positions that it has",
			"replica", f.Replica, "documents", state.Documents)
	}
	return f.reset(ctx, state.Positions)
}

// clockSkew is a generous bound of the difference between the clocks of a database's nodes.
const clockSkew = time.Minute

// reset restarts the feed from positions. For a source without a position, or with one in the future (the database was
// restored), the feed follows changes from now on, and a sweep brings in everything before.
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

// set returns the positions that are not empty.
func set(positions map[string]string) map[string]string {
	all := make(map[string]string, len(positions))
	for name, position := range positions {
		if position != "" {
			all[name] = position
		}
	}
	return all
}

// oldest returns the earliest of the followers' positions, not counting slow sources.
func (f *feed) oldest() time.Time {
	var oldest time.Time
	for _, follower := range f.followers {
		if !follower.slow {
			oldest = database.Earlier(oldest, follower.position)
		}
	}
	return oldest
}

// filled reports whether the index is complete.
func (f *feed) filled() bool { return f.positions[positionSwept] != "" }

// swept reports whether the index was swept by the current rules.
func (f *feed) swept() bool { return f.positions[positionSwept] == string(f.rules) }

// upTo returns the moment up to which the index matches the database.
func (f *feed) upTo() time.Time {
	if f.filled() {
		return f.caughtUp
	}
	return database.Earlier(f.begun, f.caughtUp)
}

// step brings the index up to date by one step: the latest changes, due documents, and a page of a sweep. It returns
// true if there is more to do at once.
func (f *feed) step(ctx context.Context) (busy bool, err error) {
	if busy, err = f.follow(ctx); err != nil {
		return false, err
	}
	due := false
	if time.Since(f.checkedDue) >= f.StateEvery {
		if due, err = f.renderDue(ctx); err != nil {
			return false, err
		}
	}
	swept, err := f.sweep(ctx)
	return busy || due || swept, err
}

// renderDue renders a page of the documents whose prices may have changed. It returns true if there are more.
func (f *feed) renderDue(ctx context.Context) (busy bool, err error) {
	// Products that are set aside stay due: the index keeps their old documents.
	due, err := f.index.Due(ctx, f.Prices.Moment(), f.Page+len(f.aside))
	if err != nil {
		return false, fmt.Errorf("list the due documents: %w", err)
	}
	due = slices.DeleteFunc(due, func(id uuid.UUID) bool { return f.aside[id] })
	due = due[:min(len(due), f.Page)]
	if err := f.writeProducts(ctx, due, nil); err != nil {
		return false, err
	}
	if busy = len(due) == f.Page; !busy {
		f.checkedDue = time.Now()
	}
	return busy, nil
}
