package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// An Engine answers queries from one region's index. Both implementations (search/bleve, search/meilisearch) pass the
// suite in testkit/searchtest, which defines the details of this package's terms.
type Engine interface {
	// Search answers a valid query. It returns an error that wraps ErrUnavailable if the engine cannot answer; any
	// other error is a bug. Its errors are for logs, not for shoppers.
	Search(ctx context.Context, q Query) (Result, error)
}

// An Index is a set of documents that can be searched and written. Each index has a single writer.
type Index interface {
	Engine
	// Apply puts documents, replacing those with the same id, deletes others, and moves the feed's positions. After a
	// crash the positions may be behind the documents, never ahead. When Apply returns, all changes are searchable. It
	// fails with *RejectedError if the engine refuses documents because of their content; then the positions have not
	// moved, and any of the other documents may have been written. It may be repeated.
	Apply(ctx context.Context, c Changes) error
	// State returns what the index holds and the positions of its feed.
	State(ctx context.Context) (State, error)
	// Entries returns at most limit entries in ascending order of id, beginning after the given id.
	Entries(ctx context.Context, after uuid.UUID, limit int) ([]Entry, error)
	// Due returns at most limit documents whose GoodUntil is not after the given moment.
	Due(ctx context.Context, at time.Time, limit int) ([]uuid.UUID, error)
}

// A Store holds a region's live index, and the new one that is built beside it during a reindex.
type Store interface {
	// Kind returns the engine's name: "bleve" or "meilisearch".
	Kind() string
	// Live returns the index that shoppers search. The value stays the same for the lifetime of the store, whatever
	// Swap puts behind it. A new store's live index is empty and has no positions.
	Live() Index
	// Begin creates an empty index beside the live one, replacing any that was begun before.
	Begin(ctx context.Context) (Index, error)
	// Resume returns the index that was begun and not yet swapped, or ErrNotBegun.
	Resume(ctx context.Context) (Index, error)
	// Swap atomically replaces the live index with the one that was begun, and deletes the old one: every search sees
	// either all of the old index or all of the new. It fails with ErrNotBegun if none was begun.
	Swap(ctx context.Context) error
	// Close releases files and connections.
	Close() error
}

// Changes are one batch of a feed.
type Changes struct {
	Put    []Document
	Delete []uuid.UUID
	// Positions are set by name; positions that are not named stay.
	Positions map[string]string
}

// PositionFilled names the position that the feed sets once an index is complete. An index without it is being filled:
// it is new, or was lost.
const PositionFilled = "swept"

// State describes an index.
type State struct {
	Documents int
	// Positions tell how far the feed has read each source, by the source's name. They are empty in an index that is
	// new or was wiped.
	Positions map[string]string
	// Bytes is the approximate size of the index, 0 if unknown.
	Bytes int64
}

// An Entry identifies the version and content that an index holds of a product.
type Entry struct {
	ID          uuid.UUID
	Version     int64
	Fingerprint string
}

// The errors of engines and stores.
var (
	// ErrUnavailable is wrapped by errors of engines that cannot answer: down, overloaded, wiped or closed.
	ErrUnavailable = errors.New("the search engine does not answer")
	// ErrNotBegun is returned if no index was begun beside the live one.
	ErrNotBegun = errors.New("no index was begun")
)

// A RejectedError reports that an engine refuses documents because of their content. Sending them again does not help.
type RejectedError struct {
	// IDs are the refused documents if the engine names them; if empty, at least one of the batch was refused.
	IDs    []uuid.UUID
	Reason string
}

// Validate returns a *RejectedError that names the documents of the batch that no engine could index, or nil.
func (c Changes) Validate() error {
	var rejected RejectedError
	for _, d := range c.Put {
		if err := d.Validate(); err != nil {
			rejected.IDs, rejected.Reason = append(rejected.IDs, d.ID), err.Error()
		}
	}
	if len(rejected.IDs) > 0 {
		return &rejected
	}
	return nil
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("the search engine refuses %d documents: %s", max(1, len(e.IDs)), e.Reason)
}
