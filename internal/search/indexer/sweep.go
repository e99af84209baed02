package indexer

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/search"
)

// sweep is a walk over all products by id, which makes the index what the database says.
type sweep struct {
	// by is the state of the rules that it was begun by; empty where none is under way. When the rules change meanwhile,
	// it goes on to its end, and another follows.
	by    rulesState
	after uuid.UUID
	// done and total are products, for those who wait; total is 0 until it is counted.
	done, total int
}

// String is the position of the sweep.
func (s sweep) String() string {
	if s.by == "" {
		return ""
	}
	return s.after.String() + " " + string(s.by)
}

func parseSweep(position string) sweep {
	id, by, _ := strings.Cut(position, " ")
	after, err := uuid.Parse(id)
	if err != nil {
		return sweep{}
	}
	return sweep{by: rulesState(by), after: after}
}

// sweep does a page of the walk, if one is called for: the index was not filled yet, or the rules are others than those
// it was last swept by. busy is true where there are further pages.
func (f *feed) sweep(ctx context.Context) (busy bool, err error) {
	if f.sweeping.by == "" {
		if f.rules == "" || f.swept() {
			return false, nil
		}
		f.sweeping = sweep{by: f.rules}
	}
	if f.sweeping.total == 0 {
		if f.sweeping.total, err = f.countActive(ctx); err != nil {
			return false, err
		}
	}
	next := f.sweeping
	p, err := f.readPage(ctx, f.sweeping.after)
	if err != nil {
		return false, err
	}
	changes := p.mending()
	next.after, next.done = p.last, next.done+len(p.ids)
	changes.Positions = map[string]string{positionSweeping: next.String()}
	if p.isLast {
		next = sweep{}
		changes.Positions = map[string]string{positionSweeping: "", positionSwept: string(f.sweeping.by)}
	}
	if err := f.write(ctx, changes, p.rendered.faulty); err != nil {
		return false, err
	}
	f.sweeping = next
	return !p.isLast, nil
}

func (x *Indexer) countActive(ctx context.Context) (n int, err error) {
	err = x.DB.Read(ctx, func(b *database.Batch) error {
		catalog.QueueCountActive(b, &n)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the products: %w", err)
	}
	return n, nil
}

// page is a range of ids, in the database and in the index.
type page struct {
	ids      []uuid.UUID
	last     uuid.UUID // the end of the range
	isLast   bool
	rendered rendered
	entries  map[uuid.UUID]search.Entry
}

// lastID is behind every other.
var lastID = uuid.UUID(bytes.Repeat([]byte{0xff}, 16))

// readPage reads the next range of ids: two round trips to the database, and what the index says of it.
func (f *feed) readPage(ctx context.Context, after uuid.UUID) (p page, err error) {
	err = f.DB.Read(ctx, func(b *database.Batch) error {
		catalog.QueueActiveIDs(b, after, f.Page, &p.ids)
		return nil
	})
	if err != nil {
		return page{}, fmt.Errorf("read the ids of products: %w", err)
	}
	p.last, p.isLast = lastID, len(p.ids) < f.Page
	if !p.isLast {
		p.last = p.ids[len(p.ids)-1]
	}
	if p.rendered, err = f.render.documents(ctx, p.ids); err != nil {
		return page{}, err
	}
	p.entries, err = f.entries(ctx, after, p.last)
	return p, err
}

// entries are what the index has behind one id, and up to another.
func (f *feed) entries(ctx context.Context, after, last uuid.UUID) (map[uuid.UUID]search.Entry, error) {
	found := make(map[uuid.UUID]search.Entry)
	for {
		list, err := f.index.Entries(ctx, after, f.Page)
		if err != nil {
			return nil, fmt.Errorf("list what the index has: %w", err)
		}
		for _, e := range list {
			if bytes.Compare(e.ID[:], last[:]) > 0 {
				return found, nil
			}
			found[e.ID] = e
			after = e.ID
		}
		if len(list) < f.Page {
			return found, nil
		}
	}
}

// mending is what makes the index's part of the range what the database says. A document that becomes another at a
// known moment is written although it is the same: until when it is good is not in its fingerprint, and may have moved.
func (p page) mending() search.Changes {
	var c search.Changes
	for _, d := range p.rendered.documents {
		if e, there := p.entries[d.ID]; !there || p.rendered.moving[d.ID] || e.Fingerprint != d.Fingerprint() {
			c.Put = append(c.Put, d)
		}
	}
	for id := range p.extra() {
		c.Delete = append(c.Delete, id)
	}
	return c
}

// extra are the products that the index has, and should not.
func (p page) extra() map[uuid.UUID]search.Entry {
	extra := make(map[uuid.UUID]search.Entry, len(p.entries))
	for id, e := range p.entries {
		extra[id] = e
	}
	for _, d := range p.rendered.documents {
		delete(extra, d.ID)
	}
	for _, r := range p.rendered.faulty {
		delete(extra, r.id)
	}
	return extra
}
