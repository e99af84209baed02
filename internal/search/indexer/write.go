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

// write brings changes into the index, sets aside what cannot be there, and takes back what now is. When it fails the
// positions have not moved, and repeating it is harmless.
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
		f.telling.wrote(ctx, len(c.Put)-len(refused), len(c.Delete), time.Since(began))
	}
	maps.Copy(f.positions, c.Positions)
	return f.takeBack(ctx, c, refused)
}

// withFloors adds to positions those of sources that stand nowhere yet, so that an index which was begun says from when
// on it is followed. Without positions there are none to add to: the changes are a part of a step.
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

// apply writes changes without the documents that the engine refuses, which it sets aside and returns. Where the engine
// does not say which they are, halves tell.
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

// applyHalves applies the first half of the documents, and then the second with all else.
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

// named are the documents with those ids.
func named(documents []search.Document, ids []uuid.UUID) []search.Document {
	var found []search.Document
	for _, d := range documents {
		if slices.Contains(ids, d.ID) {
			found = append(found, d)
		}
	}
	return found
}
