package finance

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/pricing"
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
// does nothing. Prices that would overlap others fail the batch (overlapped), also those that
// came after the plan was made.
func (p *plan) queue(b *database.Batch) {
	for some := range slices.Chunk(p.closings(), linesAtOnce) {
		p.queueClose(b, some)
	}
	var prices []Line
	for _, l := range p.lines {
		if l.AmountMinor != nil {
			prices = append(prices, l)
		}
	}
	for some := range slices.Chunk(prices, linesAtOnce) {
		p.queueOpen(b, some)
	}
	// Products show prices, so what is remembered of them is read again.
	if skus := p.skus(); len(skus) <= linesAtOnce {
		catalog.QueueTouch(b, skus)
	} else {
		catalog.QueueForgetAll(b)
	}
}

// skus are the SKUs of the lines, each once.
func (p *plan) skus() []string {
	skus := make([]string, len(p.lines))
	for i, l := range p.lines {
		skus[i] = l.SKU
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

// closing is the end of what a list has from an instant on.
type closing struct {
	lineKey
	from, to time.Time
}

// closings are what gives way to the lines.
func (p *plan) closings() []closing {
	lines := make(map[lineKey][]Line, len(p.lines))
	for _, l := range p.lines {
		lines[l.key()] = append(lines[l.key()], l)
	}
	var all []closing
	for key, some := range lines {
		for _, e := range p.own[key] {
			if to := endOfEntry(e.Period, some); !to.IsZero() {
				all = append(all, closing{key, e.Period.From, to})
			}
		}
	}
	slices.SortFunc(all, func(a, b closing) int { return a.compare(b.lineKey) }) // two writers do not wait for each other
	return all
}

// endOfEntry is when a period ends by lines of its key; zero where they leave it. What has no end
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

func (p *plan) queueClose(b *database.Batch, closings []closing) {
	n := len(closings)
	skus, quantities, from, to := make([]string, n), make([]int64, n), make([]time.Time, n), make([]time.Time, n)
	for i, c := range closings {
		skus[i], quantities[i], from[i], to[i] = c.sku, c.minQuantity, c.from, c.to
	}
	// $1 = change, $2 = list, $3 = SKUs, $4 = quantities, $5 = from, $6 = to
	b.Queue(`
UPDATE price_entries e
SET valid_to = n.valid_to, changed_at = clock_timestamp()
FROM unnest($3::text[], $4::int8[], $5::timestamptz[], $6::timestamptz[]) AS n (sku, min_quantity, valid_from, valid_to)
WHERE e.sku = n.sku AND e.list = $2 AND e.min_quantity = n.min_quantity AND e.valid_from = n.valid_from
  AND (e.valid_to IS NULL OR e.valid_to > n.valid_to)
  AND EXISTS (SELECT 1 FROM price_changes c WHERE c.id = $1 AND c.status = 'pending')`, p.change, p.list, skus, quantities, from, to)
}

// queueOpen adds prices. One that was withdrawn at the same instant gives up its place.
func (p *plan) queueOpen(b *database.Batch, lines []Line) {
	n := len(lines)
	skus, quantities, amounts := make([]string, n), make([]int64, n), make([]int64, n)
	from, to := make([]time.Time, n), make([]*time.Time, n)
	for i, l := range lines {
		skus[i], quantities[i], amounts[i], from[i], to[i] = l.SKU, l.MinQuantity, *l.AmountMinor, l.From, database.NullTime(l.To)
	}
	// $1 = change, $2 = list, $3 = SKUs, $4 = quantities, $5 = amounts, $6 = from, $7 = to
	b.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, valid_to, amount_minor, changed_at, change_id)
SELECT l.sku, $2::text, l.min_quantity, l.valid_from, l.valid_to,
  CASE WHEN EXISTS (
      SELECT 1
      FROM price_entries e
      WHERE e.sku = l.sku AND e.list = $2::text AND e.min_quantity = l.min_quantity
        AND (e.valid_to IS NULL OR (e.valid_to > e.valid_from AND e.valid_to > l.valid_from))
        AND (l.valid_to IS NULL OR e.valid_from < l.valid_to))
    THEN -1 -- which the CHECK refuses
    ELSE l.amount END,
  clock_timestamp(), $1::uuid
FROM unnest($3::text[], $4::int8[], $5::int8[], $6::timestamptz[], $7::timestamptz[])
  AS l (sku, min_quantity, amount, valid_from, valid_to)
WHERE EXISTS (SELECT 1 FROM price_changes c WHERE c.id = $1::uuid AND c.status = 'pending')
ON CONFLICT (sku, list, min_quantity, valid_from) DO UPDATE
SET amount_minor = excluded.amount_minor, valid_to = excluded.valid_to, changed_at = excluded.changed_at, change_id = excluded.change_id`,
		p.change, p.list, skus, quantities, amounts, from, to)
}

// overlapped reports whether a batch failed because prices cannot be as a change wants them:
// others are in their place, or their time is over.
func overlapped(err error) bool {
	return database.Violates(err, "price_entries_not_negative") || database.Violates(err, "price_entries_period")
}
