package indexer

import (
	"time"
)

// A follower reads one source's changes in passes: each from a little before the last until there are no more.
//
// A change's time is when its transaction began, and it shows up to Config.Overlap later. So a full pass looks back that
// far before the one before it, and passes over what it remembers. While much is changed at once, a full pass costs;
// those between look back only briefly, and full ones take a tenth of the time.
type follower struct {
	source
	// floor is the moment that a feed which remembers nothing may go on from, as a full pass does. It stands in the index.
	floor time.Time
	// position is when the last pass began, by the database's clock: what showed by then is in the index.
	position time.Time
	// seen is what is in the index of the changes since floor less the overlap.
	seen map[seenRow]seenState
	pass *pass
	// ended is when the last pass ended, by this process's clock.
	ended time.Time
	// full is when the last full pass ended, by this process's clock, and what it cost.
	full     time.Time
	fullCost time.Duration
}

// pass is one that is under way.
type pass struct {
	began  time.Time // by the database's clock
	isFull bool
	behind change
	cost   time.Duration
}

// seenRow is a row of the source, seenState one state of it.
type seenRow struct {
	product        [16]byte
	sku, warehouse string
}

type seenState struct {
	version int64
	at      time.Time
}

func (c change) row() seenRow {
	return seenRow{product: c.product, sku: c.sku, warehouse: c.warehouse}
}

func (c change) state() seenState { return seenState{version: c.version, at: c.at.UTC()} }

const (
	// briefly is how far passes between full ones look back.
	briefly = time.Second
	// fullShare is how many times the cost of a full pass is waited before the next.
	fullShare = 10
)

// waits is whether a source that is read seldom is to be read later.
func (f *follower) waits(seldom time.Duration) bool {
	return f.seldom && f.pass == nil && time.Since(f.ended) < seldom
}

// begin begins a pass, unless one is under way. The beginning by the database's clock is told with its first page.
func (f *follower) begin(overlap time.Duration) {
	if f.pass != nil {
		return
	}
	f.pass = &pass{isFull: time.Since(f.full) >= fullShare*f.fullCost}
	from := f.floor.Add(-overlap)
	if brief := f.position.Add(-briefly); !f.pass.isFull && brief.After(from) {
		from = brief
	}
	f.pass.behind = change{at: from}
}

// news are the changes of a page that are not in the index yet.
func (f *follower) news(page []change) []change {
	var fresh []change
	for _, c := range page {
		if state, known := f.seen[c.row()]; !known || state != c.state() {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// pageRead is a page of a source's changes.
type pageRead struct {
	// waits is true of a source that was not read.
	waits   bool
	changes []change
	// last says that there are no more.
	last bool
	at   time.Time // the database's clock
	cost time.Duration
}

// floorAfter is the floor once what a page holds is in the index. Of a pass that goes on it is not behind the page: a
// change that shows later carries a time from the overlap before the pass began, at the earliest.
func (f *follower) floorAfter(p pageRead) time.Time {
	began := f.pass.began
	if began.IsZero() {
		began = p.at
	}
	floor := f.floor
	switch {
	case !f.pass.isFull:
		return floor
	case p.last:
		floor = began
	default:
		floor = p.changes[len(p.changes)-1].at
		if floor.After(began) {
			floor = began
		}
	}
	if floor.Before(f.floor) {
		return f.floor
	}
	return floor
}

// done takes note that what a page holds is in the index.
func (f *follower) done(p pageRead, overlap time.Duration) {
	f.floor = f.floorAfter(p)
	for _, c := range p.changes {
		f.seen[c.row()] = c.state()
	}
	if f.pass.began.IsZero() {
		f.pass.began = p.at
	}
	f.pass.cost += p.cost
	if !p.last {
		f.pass.behind = p.changes[len(p.changes)-1]
		return
	}
	f.position, f.ended = f.pass.began, time.Now()
	if f.pass.isFull {
		f.full, f.fullCost = time.Now(), f.pass.cost
		f.forget(f.floor.Add(-overlap))
	}
	f.pass = nil
}

// forget drops what no pass comes upon again.
func (f *follower) forget(before time.Time) {
	for row, state := range f.seen {
		if state.at.Before(before) {
			delete(f.seen, row)
		}
	}
}
