package indexer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// reindexing builds an index beside the live one and swaps them. The new index has a feed of its own, so that both
// follow edits at the same time; its positions, and the job it belongs to, are stored in it.
type reindexing struct {
	*Indexer
	id uuid.UUID
	// fresh is the feed of the new index, with an indexer of its own.
	fresh *feed
	// tries counts how often the new index had another number of documents than the database; after maxTries, check
	// compares them.
	tries int
	check *comparing
	// done and total are the progress in products, and at the end the number of documents in the new index.
	done, total int
}

func (r *reindexing) state() State { return StateReindexing }

func (r *reindexing) progress(j *Job) { j.Done, j.Total = r.done, r.total }

// step opens the new index, fills it, and swaps it in once it matches the database.
func (r *reindexing) step(ctx context.Context) (done bool, err error) {
	if r.fresh == nil {
		if done, err = r.open(ctx); done || err != nil {
			return done, err
		}
	}
	if done, err = r.advance(ctx); err != nil {
		r.fresh, r.check = nil, nil // read the positions of the new index again
	}
	return done, err
}

func (r *reindexing) advance(ctx context.Context) (done bool, err error) {
	if err := r.fresh.refreshRules(ctx); err != nil {
		return false, err
	}
	busy, err := r.fresh.step(ctx)
	if s := r.fresh.sweeping; s.total > 0 {
		r.done, r.total = s.done, s.total
	}
	if err != nil || busy || !r.fresh.swept() {
		return false, err
	}
	complete, err := r.complete(ctx)
	if err != nil || !complete {
		return false, err
	}
	return r.swap(ctx)
}

// open resumes the index that this job has begun, or begins one. It returns true if that index is live already: the
// process before was killed between the swap and the end of the job.
func (r *reindexing) open(ctx context.Context) (done bool, err error) {
	state, err := r.Store.Live().State(ctx)
	if err != nil {
		return false, fmt.Errorf("read the positions of the index: %w", err)
	}
	if state.Positions[positionJob] == r.id.String() {
		return true, nil
	}
	index, err := r.Store.Resume(ctx)
	if err == nil {
		fresh, err := r.newFresh(ctx, index)
		if err != nil {
			return false, err
		}
		if fresh.positions[positionJob] == r.id.String() {
			r.fresh = fresh
			return false, nil
		}
	} else if !errors.Is(err, search.ErrNotBegun) {
		return false, fmt.Errorf("look for the index that was begun: %w", err)
	}
	return false, r.begin(ctx)
}

// newFresh returns the feed of an index beside the live one.
func (r *reindexing) newFresh(ctx context.Context, index search.Index) (*feed, error) {
	fresh := r.beside().newFeed(index)
	if err := fresh.readAside(ctx); err != nil {
		return nil, err
	}
	if err := fresh.refreshRules(ctx); err != nil {
		return nil, err
	}
	return fresh, fresh.load(ctx)
}

// refreshRules reads the rules every StateEvery, for an index beside the live one.
func (x *Indexer) refreshRules(ctx context.Context) (err error) {
	if time.Since(x.refreshed) < x.StateEvery {
		return nil
	}
	began := time.Now()
	if x.rules, err = x.readRules(ctx); err == nil {
		x.refreshed = began
	}
	return err
}

func (r *reindexing) begin(ctx context.Context) error {
	index, err := r.Store.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin an index: %w", err)
	}
	fresh, err := r.newFresh(ctx, index)
	if err != nil {
		return err
	}
	if err := fresh.write(ctx, search.Changes{Positions: map[string]string{positionJob: r.id.String()}}, nil); err != nil {
		return err
	}
	r.fresh = fresh
	return nil
}

// maxTries is how often the numbers of documents may differ, as they do while products come and go, before everything
// is compared.
const maxTries = 10

// complete reports whether the new index matches the database.
func (r *reindexing) complete(ctx context.Context) (bool, error) {
	if r.tries >= maxTries {
		return r.compared(ctx)
	}
	want, err := r.countActive(ctx)
	if err != nil {
		return false, err
	}
	if err := r.fresh.catchUp(ctx); err != nil {
		return false, err
	}
	state, err := r.fresh.index.State(ctx)
	if err != nil {
		return false, fmt.Errorf("count the documents of the new index: %w", err)
	}
	if r.done, r.total = state.Documents, state.Documents; state.Documents == want-len(r.fresh.aside) {
		return true, nil
	}
	r.tries++
	return false, nil
}

func (r *reindexing) compared(ctx context.Context) (bool, error) {
	if r.check == nil {
		r.check = &comparing{Indexer: r.fresh.Indexer, feed: r.fresh, mend: true}
	}
	done, err := r.check.step(ctx)
	if errors.Is(err, errWaiting) {
		return false, nil // the next step sweeps it
	}
	if err != nil || !done {
		return false, err
	}
	if left := r.check.found.Left - r.check.found.Differences[CannotBe]; left > 0 {
		return false, &jobError{fmt.Errorf("the new index differs from the database in %d products, and was not put in place", left)}
	}
	return true, nil
}

// swap replaces the live index and its feed with the new ones, between two steps of the feed. If the outcome is unknown,
// the next step finds out.
func (r *reindexing) swap(ctx context.Context) (done bool, err error) {
	fresh := r.fresh
	r.fresh = nil
	r.feeding.Lock()
	defer r.feeding.Unlock()
	if err := r.Store.Swap(ctx); err != nil {
		return false, fmt.Errorf("put the new index in place: %w", err)
	}
	r.aside, r.refreshed = fresh.aside, time.Time{}
	fresh.index, fresh.Indexer = r.Store.Live(), r.Indexer
	r.live = fresh
	return true, nil
}
