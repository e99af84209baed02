package bleve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// A handle is a search.Index: the store's live index, whatever folder it is in, or the one that was begun.
type handle struct {
	store *Store // reopened if the live index turns out to be unusable; nil for an index that was begun
	index atomic.Pointer[index]
}

func newHandle(i *index) *handle {
	h := new(handle)
	h.index.Store(i)
	return h
}

// with calls f with the current index, and again if that was replaced meanwhile.
func (h *handle) with(f func(*index) error) error {
	for {
		i := h.index.Load()
		if i == nil {
			return unavailable(errClosed)
		}
		err := f(i)
		if h.index.Load() == i || !errors.Is(err, errClosed) && !errors.Is(err, errGone) {
			return err
		}
	}
}

// mending calls f like with, but reopens the store if its live index turns out to be unusable. It still returns an error: the next
// call finds an index as it was last written, or an empty one.
func (h *handle) mending(f func(*index) error) error {
	return h.with(func(i *index) error {
		err := f(i)
		if h.store != nil && (errors.Is(err, errGone) || errors.Is(err, errWrite)) {
			h.store.mend(i, err)
			return unavailable(fmt.Errorf("the index had to be opened anew: %s", err)) // not wrapped, or it would be mended again
		}
		return err
	})
}

// read calls f with the current view of an index, which it gets from with or mending.
func read[T any](from func(func(*index) error) error, f func(*index, *view) (T, error)) (result T, err error) {
	err = from(func(i *index) error {
		v, err := i.use()
		if err != nil {
			return err
		}
		result, err = f(i, v)
		return errors.Join(err, v.release())
	})
	return result, err
}

// Search answers a query from one view of one index.
func (h *handle) Search(ctx context.Context, q search.Query) (search.Result, error) {
	if err := q.Validate(); err != nil {
		return search.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return search.Result{}, unavailable(err)
	}
	return read(h.with, func(i *index, v *view) (search.Result, error) {
		return v.search(ctx, q, i.columns, i.words.Of(q.Languages()...))
	})
}

// Apply writes and deletes documents, and moves the feed's positions.
func (h *handle) Apply(ctx context.Context, c search.Changes) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if len(c.Put) == 0 && len(c.Delete) == 0 && len(c.Positions) == 0 {
		return nil
	}
	return h.mending(func(i *index) error { return i.apply(ctx, c) })
}

// State returns the number of documents, the feed's positions, and the size on disk.
func (h *handle) State(context.Context) (search.State, error) {
	return read(h.mending, func(i *index, v *view) (search.State, error) {
		positions, err := v.positions()
		return search.State{Documents: v.live, Positions: positions, Bytes: size(i.folder)}, err
	})
}

// Entries returns at most limit entries with ids after the given one.
func (h *handle) Entries(_ context.Context, after uuid.UUID, limit int) ([]search.Entry, error) {
	return read(h.with, func(_ *index, v *view) ([]search.Entry, error) { return v.entries(after, limit) })
}

// Due returns at most limit documents that are due at a moment, those due longest first.
func (h *handle) Due(_ context.Context, at time.Time, limit int) ([]uuid.UUID, error) {
	return read(h.with, func(_ *index, v *view) (ids []uuid.UUID, err error) {
		var due []*row
		v.each(func(_ place, r *row) {
			if r.goodUntilMicro <= at.UnixMicro() {
				due = append(due, r)
			}
		})
		slices.SortFunc(due, func(a, b *row) int { return cmp.Compare(a.goodUntilMicro, b.goodUntilMicro) })
		for _, r := range due[:min(limit, len(due))] {
			ids = append(ids, r.id)
		}
		return ids, nil
	})
}
