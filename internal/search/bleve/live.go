package bleve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// with calls f with the current index, and again if that was replaced meanwhile.
func (l *live) with(f func(*index) error) error {
	for {
		i := l.index.Load()
		if i == nil {
			return unavailable(errClosed)
		}
		err := f(i)
		if l.index.Load() == i || !errors.Is(err, errClosed) && !errors.Is(err, errGone) {
			return err
		}
	}
}

// mending is with, but reopens the store if the index turns out to be unusable. It still returns an error: the next
// call finds an index as it was last written, or an empty one.
func (l *live) mending(f func(*index) error) error {
	return l.with(func(i *index) error {
		err := f(i)
		if errors.Is(err, errGone) || errors.Is(err, errWrite) {
			l.store.mend(i, err)
			return unavailable(fmt.Errorf("the index had to be opened anew: %s", err)) // not wrapped, or it would be mended again
		}
		return err
	})
}

// Search answers a query from the current index.
func (l *live) Search(ctx context.Context, q search.Query) (result search.Result, err error) {
	err = l.with(func(i *index) (err error) { result, err = i.Search(ctx, q); return err })
	return result, err
}

// Apply writes to the current index.
func (l *live) Apply(ctx context.Context, c search.Changes) error {
	return l.mending(func(i *index) error { return i.Apply(ctx, c) })
}

// State returns the state of the current index.
func (l *live) State(ctx context.Context) (state search.State, err error) {
	err = l.mending(func(i *index) (err error) { state, err = i.State(ctx); return err })
	return state, err
}

// Entries lists the current index.
func (l *live) Entries(ctx context.Context, after uuid.UUID, limit int) (entries []search.Entry, err error) {
	err = l.with(func(i *index) (err error) { entries, err = i.Entries(ctx, after, limit); return err })
	return entries, err
}

// Due lists the documents of the current index that are due.
func (l *live) Due(ctx context.Context, at time.Time, limit int) (due []uuid.UUID, err error) {
	err = l.with(func(i *index) (err error) { due, err = i.Due(ctx, at, limit); return err })
	return due, err
}
