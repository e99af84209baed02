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
}

// begin gives the lines that name no instant theirs, and returns the first instant of all.
func (p *plan) begin(begins time.Time) (first time.Time) {
	for i := range p.lines {
		p.lines[i].From = p.lines[i].period(begins).From
		first = database.Earlier(first, p.lines[i].From)
	}
	return first
}

// queue adds to the batch of a pending change what applies it; where the change is decided, it
// does nothing. Prices that would overlap others fail the batch (pricing.Overlaps), also those that
// came after the plan was made.
func (p *plan) queue(b *database.Batch) {
	for some := range slices.Chunk(p.closings(), linesAtOnce) {
		pricing.QueueClose(b, p.change, p.list, some, changes.PendingSQL)
	}
	var prices []pricing.Opening
	for _, l := range p.lines {
		if l.AmountMinor != nil {
			prices = append(prices, pricing.Opening{SKU: l.SKU, MinQuantity: l.MinQuantity, AmountMinor: *l.AmountMinor,
				From: l.From, To: database.NullTime(l.To)})
		}
	}
	for some := range slices.Chunk(prices, linesAtOnce) {
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

// closings returns what gives way to the lines.
func (p *plan) closings() []pricing.Closing {
	lines := make(map[lineKey][]Line, len(p.lines))
	for _, l := range p.lines {
		lines[l.key()] = append(lines[l.key()], l)
	}
	var all []pricing.Closing
	for key, some := range lines {
		for _, e := range p.own[key] {
			if to := endOfEntry(e.Period, some); !to.IsZero() {
				all = append(all, pricing.Closing{SKU: key.sku, MinQuantity: key.minQuantity, From: e.Period.From, To: to})
			}
		}
	}
	// In one order, so that two writers do not wait for each other.
	slices.SortFunc(all, func(a, b pricing.Closing) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.MinQuantity, b.MinQuantity))
	})
	return all
}

// endOfEntry returns when a period ends by lines of its key; zero where they leave it. What has no end
// gives way to a price that begins later; a line without a price ends whatever is, and
// withdraws what was to come: that ends where it begins.
func endOfEntry(p pricing.Period, lines []Line) (end time.Time) {
	for _, l := range lines {
		switch {
		case l.AmountMinor != nil && p.To.IsZero() && p.From.Before(l.From),
			l.AmountMinor == nil && (p.To.IsZero() || p.To.After(l.From)):
			end = database.Earlier(end, database.Later(l.From, p.From))
		}
	}
	return end
}
