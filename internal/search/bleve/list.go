package bleve

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// entries returns at most limit entries with ids after the given one.
func (v *view) entries(after uuid.UUID, limit int) ([]search.Entry, error) {
	all := v.sorted()
	from := sort.Search(len(all), func(i int) bool { return bytes.Compare(v.row(all[i]).id[:], after[:]) > 0 })
	if after == uuid.Nil {
		from = 0
	}
	var r record
	entries := make([]search.Entry, 0, min(limit, len(all)-from))
	for _, p := range all[from:min(len(all), from+limit)] {
		err := withRecord(v.segments[p.segment].library, uint64(p.document), &r, func() {
			entries = append(entries, search.Entry{ID: r.id, Version: r.version, Fingerprint: hex.EncodeToString(r.fingerprint)})
		})
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// positions returns the feed's positions. The map is empty if none were written.
func (v *view) positions() (map[string]string, error) {
	positions := make(map[string]string)
	text, err := v.snapshot.GetInternal(internalPositions)
	if err != nil {
		return nil, fmt.Errorf("read the positions of the feed: %w", err)
	}
	if len(text) == 0 {
		return positions, nil
	}
	if err := json.Unmarshal(text, &positions); err != nil {
		return nil, fmt.Errorf("read the positions of the feed: %w", err)
	}
	return positions, nil
}

// version returns the version of a document in the view, or 0 if it is not there.
func (l *lexicon) version(id uuid.UUID) (int64, error) {
	lists, documents, err := l.postings("_id", id.String())
	if err != nil || documents == 0 {
		return 0, err
	}
	for i, list := range lists {
		p, err := list.Iterator(false, false, false, nil).Next()
		if err != nil {
			return 0, fmt.Errorf("look up document %s: %w", id, err)
		}
		if p != nil {
			return l.view.segments[i].rows[p.Number()].version, nil
		}
	}
	return 0, nil
}
