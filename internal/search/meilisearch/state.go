package meilisearch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	meili "github.com/meilisearch/meilisearch-go"
)

// stateID is the id of the document that holds an index's state. It stands among the products, whose ids are UUIDs, so
// that documents and the positions that they reach are one task, and so that the state shares the fate of the index.
const stateID = "state"

// isProduct lets the products through, and not the state: each product has a stock.
const isProduct = "stock EXISTS"

// A state is what an index says about itself.
type state struct {
	ID string `json:"id"`
	// Format is the format of the records.
	Format string `json:"format"`
	// Settings is the fingerprint of the settings last applied.
	Settings string `json:"settings"`
	// Replaces identifies the index that this one will replace, by its creation time.
	Replaces string `json:"replaces"`
	// Positions are the positions of the feed, by the name of the source, as JSON: Meilisearch 1.50 crashes when settings are
	// applied to an index with fields in fields.
	Positions string `json:"feedPositions"`
}

// positions returns the positions by the name of the source.
func (s state) positions() (map[string]string, error) {
	if s.Positions == "" {
		return nil, nil
	}
	var all map[string]string
	if err := json.Unmarshal([]byte(s.Positions), &all); err != nil {
		return nil, unreadable("the positions", err)
	}
	return all, nil
}

// moved returns the state with positions set by name; positions that are not named stay.
func (s state) moved(positions map[string]string) (state, error) {
	all, err := s.positions()
	if err != nil {
		return state{}, err
	}
	if all == nil {
		all = make(map[string]string, len(positions))
	}
	maps.Copy(all, positions)
	text, err := json.Marshal(all)
	if err != nil {
		return state{}, fmt.Errorf("move the positions: %w", err)
	}
	s.Positions = string(text)
	return s, nil
}

// readState reads the state of the index. A missing index has none. Of one whose records have another format only that is
// read: it is filled again.
func (x *index) readState(ctx context.Context) (state, error) {
	var found state
	err := x.server.do(ctx, writeTries, "read the state of "+x.uid, func(ctx context.Context) error {
		found = state{}
		return x.server.Index(x.uid).GetDocumentWithContext(ctx, stateID, nil, &found)
	})
	if saidCode(err, "index_not_found") || saidCode(err, "document_not_found") {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	if found.Format != recordFormat {
		return state{ID: found.ID, Format: found.Format}, nil
	}
	return found, nil
}

// writeState writes the state and waits until it is stored.
func (x *index) writeState(ctx context.Context, s state) error {
	s.ID, s.Format = stateID, recordFormat
	body, err := json.Marshal([]state{s})
	if err != nil {
		return fmt.Errorf("write the state of %s: %w", x.uid, err)
	}
	return x.server.carryOut(ctx, "write the state of "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
		key := primaryKey
		return x.server.Index(x.uid).AddDocumentsWithContext(ctx, body, &meili.DocumentOptions{PrimaryKey: &key})
	})
}
