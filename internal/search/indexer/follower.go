package indexer

import (
	"time"

	"meridian/internal/database"
)

// A follower reads one source's changes in passes. Each pass starts a little before the last one and ends when there
// are no more changes.
//
// A change carries the time at which its transaction began, and becomes visible up to Config.Overlap later. A full pass
// therefore starts that long before the previous one, and skips the changes it remembers. While many rows change, full
// passes are expensive: the passes between them look back only briefly, and full passes take a tenth of the time.
type follower struct {
	source
	// floor is the moment from which a feed without memory can continue with a full pass. It is stored in the index.
	floor time.Time
	// position is when the last pass began, by the database's clock: changes visible then are in the index.
	position time.Time
	// seen holds the changes in the index since floor less the overlap.
	seen map[seenRow]seenState
	pass *pass
	// ended is when the last pass ended, by this process's clock.
	ended time.Time
	// full is when the last full pass ended, by this process's clock, and fullCost is how long it took.
	full     time.Time
	fullCost time.Duration
}

// A pass is a pass under way.
type pass struct {
	began  time.Time // by the database's clock
	isFull bool
	behind change
	cost   time.Duration
}

// A seenRow identifies a row of a source, and a seenState one of its states.
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
	// briefly is how far the passes between full ones look back.
	briefly = time.Second
	// fullShare is the pause before the next full pass, as a multiple of the last one's duration.
	fullShare = 10
)

// waits reports whether a slow source is not to be read yet.
func (f *follower) waits(slowPoll time.Duration) bool {
	return f.slow && f.pass == nil && time.Since(f.ended) < slowPoll
}

// begin begins a pass unless one is under way. Its time by the database's clock comes with the first page.
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

// unseen returns the changes of a page that are not in the index yet.
func (f *follower) unseen(page []change) []change {
	var fresh []change
	for _, c := range page {
		if state, known := f.seen[c.row()]; !known || state != c.state() {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// A sourcePage is a page of a source's changes.
type sourcePage struct {
	// skipped is true if the source was not read.
	skipped bool
	changes []change
	// last is true if there are no more changes.
	last bool
	at   time.Time // the database's clock
	cost time.Duration
}

// floorAfter returns the floor once a page is in the index. It is at most the last change of a page that is not the
// last one, and at most the beginning of the pass: changes that become visible later are not older than the overlap
// before it.
func (f *follower) floorAfter(p sourcePage) time.Time {
	if !f.pass.isFull {
		return f.floor
	}
	floor := f.pass.began
	if floor.IsZero() {
		floor = p.at
	}
	if !p.last {
		floor = database.Earlier(floor, p.changes[len(p.changes)-1].at)
	}
	return database.Later(floor, f.floor)
}

// done records that a page is in the index.
func (f *follower) done(p sourcePage, overlap time.Duration) {
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

// forget drops the states that no pass reads again.
func (f *follower) forget(before time.Time) {
	for row, state := range f.seen {
		if state.at.Before(before) {
			delete(f.seen, row)
		}
	}
}
