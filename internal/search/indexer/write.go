package indexer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// write applies changes to the index, sets aside what it cannot hold, and takes back what it now holds. If it fails the
// positions have not moved. It may be repeated.
func (f *feed) write(ctx context.Context, c search.Changes, faulty []refusal) error {
	if err := f.setAside(ctx, faulty); err != nil {
		return err
	}
	if len(c.Put)+len(c.Delete)+len(c.Positions) == 0 {
		return nil
	}
	c.Positions = f.withFloors(c.Positions)
	began := time.Now()
	refused, err := f.apply(ctx, c)
	if err != nil {
		return fmt.Errorf("write %d documents into the index: %w", len(c.Put)+len(c.Delete), err)
	}
	if len(c.Put)+len(c.Delete) > 0 {
		f.metrics.wrote(ctx, len(c.Put)-len(refused), len(c.Delete), time.Since(began))
	}
	maps.Copy(f.positions, c.Positions)
	return f.takeBack(ctx, c, refused)
}

// withFloors adds the floors of sources without a position, so that a new index records since when it is followed.
// Empty positions stay empty: they belong to a partial step.
func (f *feed) withFloors(positions map[string]string) map[string]string {
	if len(positions) == 0 {
		return nil
	}
	all := maps.Clone(positions)
	for _, follower := range f.followers {
		if all[follower.name] == "" && f.positions[follower.name] == "" {
			all[follower.name] = follower.floor.UTC().Format(time.RFC3339Nano)
		}
	}
	return all
}

// apply writes changes without the documents that the engine refuses, which it sets aside and returns. If the engine
// does not name them, they are isolated by bisection.
func (f *feed) apply(ctx context.Context, c search.Changes) (refused map[uuid.UUID]bool, err error) {
	err = f.index.Apply(ctx, c)
	var rejected *search.RejectedError
	if err == nil || !errors.As(err, &rejected) || len(c.Put) == 0 {
		return nil, err
	}
	bad := named(c.Put, rejected.IDs)
	if len(bad) == 0 && len(c.Put) > 1 {
		return f.applyHalves(ctx, c)
	}
	if len(bad) == 0 {
		bad = c.Put
	}
	refused = make(map[uuid.UUID]bool)
	var aside []refusal
	for _, d := range bad {
		refused[d.ID] = true
		aside = append(aside, refusal{id: d.ID, version: d.Version, reason: rejected.Reason})
	}
	if err := f.setAside(ctx, aside); err != nil {
		return nil, err
	}
	c.Put = slices.DeleteFunc(slices.Clone(c.Put), func(d search.Document) bool { return refused[d.ID] })
	more, err := f.apply(ctx, c)
	maps.Copy(refused, more)
	return refused, err
}

// applyHalves applies the first half of the documents, then the second half with everything else.
func (f *feed) applyHalves(ctx context.Context, c search.Changes) (map[uuid.UUID]bool, error) {
	half := len(c.Put) / 2
	refused, err := f.apply(ctx, search.Changes{Put: c.Put[:half]})
	if err != nil {
		return nil, err
	}
	c.Put = c.Put[half:]
	more, err := f.apply(ctx, c)
	if refused == nil {
		return more, err
	}
	maps.Copy(refused, more)
	return refused, err
}

// named returns the documents with the given ids.
func named(documents []search.Document, ids []uuid.UUID) []search.Document {
	var found []search.Document
	for _, d := range documents {
		if slices.Contains(ids, d.ID) {
			found = append(found, d)
		}
	}
	return found
}
