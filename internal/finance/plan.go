package finance

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
)

// ownPrices are what a list has for the keys of lines, by time.
type ownPrices map[lineKey][]pricing.Entry

// plan is what puts the lines of a change in force, given what the list has. All of its
// statements find rows by their whole key: bulk data makes poor guesses of a query planner.
type plan struct {
	change uuid.UUID
	list   string
	lines  []Line
	own    ownPrices
	// closings and openings are what settle found: which prices end, and which begin.
	closings []pricing.Closing
	openings []pricing.Opening
}

// begin gives the lines that name no instant theirs, and returns the first instant of all.
func (p *plan) begin(begins time.Time) (first time.Time) {
	for i := range p.lines {
		p.lines[i].From = p.lines[i].period(begins).From
		first = database.Earlier(first, p.lines[i].From)
	}
	return first
}

// settle works out what the list's prices become by the lines, which have begun. It returns
// ErrOvertaken if the list has prices by now that refuse them. What it finds is in one order, so
// that two writers do not wait for each other.
func (p *plan) settle() error {
	for _, some := range byKey(p.lines) {
		key := some[0].key()
		t := newTimeline(p.own[key])
		for _, l := range some {
			over := !l.To.IsZero() && !l.From.Before(l.To)
			if _, ok := t.set(l); !ok || over {
				return ErrOvertaken
			}
		}
		closings, openings := t.changes(key)
		p.closings, p.openings = append(p.closings, closings...), append(p.openings, openings...)
	}
	return nil
}

// queue adds to the batch of a pending change what applies it; where the change is decided, it
// does nothing. Prices that would overlap others fail the batch (pricing.Overlaps), also those that
// came after the plan was settled.
func (p *plan) queue(b *database.Batch) {
	for some := range slices.Chunk(p.closings, linesAtOnce) {
		pricing.QueueClose(b, p.change, p.list, some, changes.PendingSQL)
	}
	for some := range slices.Chunk(p.openings, linesAtOnce) {
		pricing.QueueOpen(b, p.change, p.list, some, changes.PendingSQL)
	}
	// Products show prices, so what is remembered of them is read again.
	if skus := p.skus(); len(skus) <= linesAtOnce {
		catalog.QueueTouch(b, skus)
	} else {
		catalog.QueueForgetAll(b)
	}
}

// skus returns the SKUs of the lines, each once.
func (p *plan) skus() []string {
	skus := make([]string, len(p.lines))
	for i, l := range p.lines {
		skus[i] = l.SKU
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

// byKey returns the lines of each SKU and quantity, by time.
func byKey(lines []Line) [][]Line {
	sorted := slices.Clone(lines)
	slices.SortFunc(sorted, func(a, b Line) int {
		return cmp.Or(a.key().compare(b.key()), a.From.Compare(b.From), cmp.Compare(a.No, b.No))
	})
	var all [][]Line
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].key() == sorted[0].key() {
			n++
		}
		all, sorted = append(all, sorted[:n:n]), sorted[n:]
	}
	return all
}
