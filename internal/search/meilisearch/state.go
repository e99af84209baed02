package meilisearch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	meili "github.com/meilisearch/meilisearch-go"
)

// A row is a document of an index's state.
type row struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The kinds of rows.
const (
	kindPosition = "position" // of the feed, by the name of the source
	kindAbout    = "about"    // the index, by the names below
)

// The names of rows about the index.
const (
	aboutIndex    = "index"    // the identity of the index: its creation time
	aboutSettings = "settings" // the fingerprint of the settings last applied
	aboutReplaces = "replaces" // the identity of the index that this one will replace
)

// newRow returns a row whose id is a hash of its kind and name, which may contain characters that ids may not.
func newRow(kind, name, value string) row {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	return row{ID: hex.EncodeToString(sum[:16]), Kind: kind, Name: name, Value: value}
}

// known is an index's state.
type known struct {
	about, positions map[string]string
}

// maxRows is more than the number of sources of a feed.
const maxRows = 1000

// readState reads the state of the index. A missing index has none.
func (x *index) readState(ctx context.Context) (known, error) {
	state := known{about: make(map[string]string), positions: make(map[string]string)}
	var found meili.DocumentsResult
	err := x.server.do(ctx, writeTries, "read the state of "+x.uid, func(ctx context.Context) error {
		found = meili.DocumentsResult{}
		return x.server.Index(stateOf(x.uid)).GetDocumentsWithContext(ctx, &meili.DocumentsQuery{Limit: maxRows}, &found)
	})
	if saidCode(err, "index_not_found") {
		return state, nil
	}
	if err != nil {
		return known{}, err
	}
	for _, hit := range found.Results {
		var r row
		if err := hit.DecodeInto(&r); err != nil {
			return known{}, unreadable("the state", err)
		}
		switch r.Kind {
		case kindAbout:
			state.about[r.Name] = r.Value
		case kindPosition:
			state.positions[r.Name] = r.Value
		}
	}
	return state, nil
}

// writeState writes rows and waits until they are stored.
func (x *index) writeState(ctx context.Context, rows []row) error {
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("write the state of %s: %w", x.uid, err)
	}
	return x.server.carryOut(ctx, "write the state of "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
		key := primaryKey
		return x.server.Index(stateOf(x.uid)).AddDocumentsWithContext(ctx, body, &meili.DocumentOptions{PrimaryKey: &key})
	})
}

// writePositions sets positions by name; positions that are not named stay.
func (x *index) writePositions(ctx context.Context, positions map[string]string) error {
	if len(positions) == 0 {
		return nil
	}
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(positions)) {
		rows = append(rows, newRow(kindPosition, name, positions[name]))
	}
	return x.writeState(ctx, rows)
}
