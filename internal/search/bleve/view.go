package bleve

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// A view is a snapshot of an index: the library's snapshot and the rows of its segments. It is closed when the index
// has a newer view and the last search on it has ended.
type view struct {
	snapshot *scorch.IndexSnapshot
	segments []segment
	live     int
	popular  int64 // the highest popularity of any document
	filled   bool  // search.PositionFilled is set
	users    atomic.Int64
	sorted   func() []place
}

// A segment is a part of an index whose documents are numbered from 0.
type segment struct {
	id      uint64
	library segmentapi.Segment
	deleted *roaring.Bitmap // nil for none
	rows    []row
}

// A place identifies a document in a view.
type place struct {
	segment  int32
	document uint32
}

func (v *view) row(p place) *row { return &v.segments[p.segment].rows[p.document] }

// release ends a use of the view.
func (v *view) release() error {
	if v.users.Add(-1) > 0 {
		return nil
	}
	if err := v.snapshot.Close(); err != nil {
		return fmt.Errorf("close a view of the index: %w", err)
	}
	return nil
}

// newView returns a view of the library's current snapshot. It reuses the rows of segments that the view before has.
func newView(library *scorch.Scorch, before *view, d *dictionaries) (*view, error) {
	reader, err := library.Reader()
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	snapshot, ok := reader.(*scorch.IndexSnapshot)
	if !ok || snapshot == nil {
		return nil, errClosed
	}
	v := &view{snapshot: snapshot}
	v.users.Store(1)
	v.sorted = sync.OnceValue(v.sort)
	for _, s := range snapshot.Segments() {
		part := segment{id: s.Id(), library: s.Segment(), deleted: s.Deleted()}
		if part.rows = before.rowsOf(part); part.rows == nil {
			if part.rows, err = d.readRows(part.library); err != nil {
				_ = snapshot.Close()
				return nil, err
			}
		}
		v.live += int(s.Count())
		v.segments = append(v.segments, part)
	}
	positions, err := v.positions()
	if err != nil {
		return nil, errors.Join(err, snapshot.Close())
	}
	v.filled = positions[search.PositionFilled] != ""
	v.each(func(_ place, r *row) { v.popular = max(v.popular, r.popularity) })
	return v, nil
}

// rowsOf returns the rows of a segment if this view has it too, or nil.
func (v *view) rowsOf(s segment) []row {
	if v == nil {
		return nil
	}
	for i := range v.segments {
		if v.segments[i].id == s.id && len(v.segments[i].rows) == int(s.library.Count()) {
			return v.segments[i].rows
		}
	}
	return nil
}

// each calls f for every document.
func (v *view) each(f func(place, *row)) {
	for i := range v.segments {
		s := &v.segments[i]
		for n := range s.rows {
			if s.deleted == nil || !s.deleted.Contains(uint32(n)) {
				f(place{int32(i), uint32(n)}, &s.rows[n])
			}
		}
	}
}

// sort returns the documents in the order of their ids.
func (v *view) sort() []place {
	all := make([]place, 0, v.live)
	v.each(func(p place, _ *row) { all = append(all, p) })
	slices.SortFunc(all, func(a, b place) int { return compareIDs(v.row(a), v.row(b)) })
	return all
}

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
