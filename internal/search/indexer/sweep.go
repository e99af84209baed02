package indexer

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/pricing/changes"
	"meridian/internal/search"
)

// rulesState identifies everything that documents depend on besides the rows of the sources: the document format, the
// price rules, the category tree and the active warehouses.
type rulesState string

func (x *Indexer) readRules(ctx context.Context) (rulesState, error) {
	var now time.Time
	var version int64
	var tree, warehouses string
	err := x.DB.Read(ctx, func(b *database.Batch) error {
		changes.QueueVersion(b, &version)
		catalog.QueueTreeState(b, &now, &tree)
		inventory.QueueBandState(b, x.DB.Region(), &warehouses)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the state of the rules: %w", err)
	}
	return rulesState(fmt.Sprintf("form %s, prices %d, tree %s, warehouses %s", form, version, tree, warehouses)), nil
}

// A sweep walks over all products by id and makes the index match the database.
type sweep struct {
	// by is the state of the rules when the sweep began; empty if none is under way. If the rules change meanwhile, the
	// sweep continues to its end and another follows.
	by    rulesState
	after uuid.UUID
	// done and total are the progress in products; total is 0 until counted.
	done, total int
}

// String returns the position of the sweep.
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

// sweep sweeps a page if a sweep is needed: the index was not filled yet, or the rules have changed since the last one.
// It returns true if there are more pages.
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
	changes := p.mending(p.suspects(), p.rendered.expiring)
	next.after, next.done = p.last, next.done+len(p.ids)
	changes.Positions = map[string]string{positionSweeping: next.String()}
	if p.isLast {
		next = sweep{}
		changes.Positions = map[string]string{positionSweeping: "", positionSwept: string(f.sweeping.by)}
	}
	if err := f.write(ctx, changes, p.rendered.invalid); err != nil {
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

// A page is a range of ids, in the database and in the index.
type page struct {
	ids      []uuid.UUID
	last     uuid.UUID // the end of the range
	isLast   bool
	rendered rendered
	entries  map[uuid.UUID]search.Entry
}

// lastID is the greatest id.
var lastID = uuid.UUID(bytes.Repeat([]byte{0xff}, 16))

// readPage reads the next range of ids: two round trips to the database, and the entries of the index.
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

// entries returns the entries of the index with ids above after, up to last.
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

// mending returns the changes that make the index match the database in the products that differ. Expiring documents are
// written in any case: their fingerprint does not cover GoodUntil, which may have changed.
func (p page) mending(differ map[uuid.UUID]suspect, expiring map[uuid.UUID]bool) search.Changes {
	var c search.Changes
	for _, d := range p.rendered.documents {
		if _, differs := differ[d.ID]; differs || expiring[d.ID] {
			c.Put = append(c.Put, d)
		}
	}
	for id, s := range differ {
		if s.what == Extra {
			c.Delete = append(c.Delete, id)
		}
	}
	return c
}

// extra returns the entries that should not be in the index.
func (p page) extra() map[uuid.UUID]search.Entry {
	extra := maps.Clone(p.entries)
	for _, d := range p.rendered.documents {
		delete(extra, d.ID)
	}
	for _, r := range p.rendered.invalid {
		delete(extra, r.id)
	}
	return extra
}
