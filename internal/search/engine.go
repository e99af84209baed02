package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// An Engine answers queries from one region's index. Both implementations (search/bleve, search/meilisearch) pass the
// one suite in search/searchtest, which is what the words in this package mean in detail.
type Engine interface {
	// Search answers a valid query. An engine that cannot answer at all returns an error that wraps ErrUnavailable;
	// every other error is a fault of the program. Its errors are for logs, never for shoppers.
	Search(ctx context.Context, q Query) (Result, error)
}

// An Index is one set of documents that can be searched and written. Writes of one index come from one writer.
type Index interface {
	Engine
	// Apply writes documents, replacing those of the same id, deletes others and moves the positions of the feed, so
	// that a crash in between leaves the positions behind, never ahead. When it returns, all is searchable. It fails
	// with *RejectedError when the engine refuses documents of the batch for what is in them; which of the others were
	// written is then open, and the positions have not moved. Repeating it is harmless.
	Apply(ctx context.Context, c Changes) error
	// State is what the index holds and how far its feed is.
	State(ctx context.Context) (State, error)
	// Entries lists what is in the index by ascending id, at most limit, beginning behind after.
	Entries(ctx context.Context, after uuid.UUID, limit int) ([]Entry, error)
	// Due lists up to limit documents whose GoodUntil is not after a moment.
	Due(ctx context.Context, at time.Time, limit int) ([]uuid.UUID, error)
}

// A Store is where a region's index lives, and where a new one can be built beside it.
type Store interface {
	// Kind is the engine's name: "bleve" or "meilisearch".
	Kind() string
	// Live is the index that shoppers search. It is one and the same value as long as the store lives, whatever Swap
	// puts behind it; empty, and with no positions, where there was none.
	Live() Index
	// Begin makes an empty index beside the live one, instead of one that was begun before.
	Begin(ctx context.Context) (Index, error)
	// Resume is the index that was begun and not swapped yet, or ErrNotBegun.
	Resume(ctx context.Context) (Index, error)
	// Swap puts the begun index in the live one's place in one step: every search sees all of the one or all of the
	// other. The old one is deleted. Swap fails with ErrNotBegun when there is none.
	Swap(ctx context.Context) error
	// Close lets go of files and connections.
	Close() error
}

// Changes are one step of a feed.
type Changes struct {
	Put    []Document
	Delete []uuid.UUID
	// Positions are set by name; those not named stay.
	Positions map[string]string
}

// PositionFilled is the position that the feed sets once an index holds everything. An index without it is being filled:
// it is new, or was lost.
const PositionFilled = "swept"

// State is what an index holds.
type State struct {
	Documents int
	// Positions are how far the feed is, by name of the source; empty in an index that was just made or was wiped.
	Positions map[string]string
	// Bytes is about how much room it takes, 0 where that is not known.
	Bytes int64
}

// An Entry tells what an index holds of a product.
type Entry struct {
	ID          uuid.UUID
	Version     int64
	Fingerprint string
}

// The errors of engines and stores.
var (
	// ErrUnavailable is wrapped by what an engine returns when it cannot be asked: down, too busy, wiped, closed.
	ErrUnavailable = errors.New("the search engine does not answer")
	// ErrNotBegun is returned where no index was begun beside the live one.
	ErrNotBegun = errors.New("no index was begun")
)

// A RejectedError says that an engine refuses documents for what is in them: sending them again is no use.
type RejectedError struct {
	// IDs are the documents, where the engine says which; else it is one or more of the batch.
	IDs    []uuid.UUID
	Reason string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("the search engine refuses %d documents: %s", max(1, len(e.IDs)), e.Reason)
}
