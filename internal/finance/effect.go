package finance

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// Effect is what prices would change, compared with what a customer of the list's market and
// group would pay without them.
type Effect struct {
	Lines int `json:"lines"`
	// SKUs is how many have lines that change something.
	SKUs    int `json:"skus"`
	New     int `json:"new"` // without a price before
	Changed int `json:"changed"`
	// Unchanged are lines that cost the customer what they did before; those that the list says
	// already are left out of the change.
	Unchanged int `json:"unchanged"`
	Ended     int `json:"ended"`
	// WithoutPrice is how many of those that end leave no other price to sell at.
	WithoutPrice int `json:"without_price"`
	// BelowCost is how many prices are less than the goods cost.
	BelowCost int `json:"below_cost"`
	// The largest rises and falls, and the worst below cost: at most ten of each.
	Rises      []Move `json:"rises"`
	Falls      []Move `json:"falls"`
	UnderCosts []Move `json:"under_costs"`
}

// Move is a price that changes. Amounts are minor units of the list's currency; ChangeBP is in
// basis points of what it was, rounded away from zero.
type Move struct {
	Line        int64  `json:"line"`
	SKU         string `json:"sku"`
	MinQuantity int64  `json:"min_quantity"`
	OldMinor    int64  `json:"old_minor"`
	NewMinor    int64  `json:"new_minor"`
	ChangeBP    int64  `json:"change_bp"`
	// CostMinor is what the goods cost, where NewMinor is less; 0 otherwise.
	CostMinor int64 `json:"cost_minor,omitzero"`
}

// largestBP returns the largest rise or fall.
func (e Effect) largestBP() int64 {
	var largest int64
	for _, moves := range [][]Move{e.Rises, e.Falls} {
		for _, m := range moves {
			largest = max(largest, m.ChangeBP, -m.ChangeBP)
		}
	}
	return largest
}

// mostMoves is how many moves of a sort an effect names.
const mostMoves = 10

// effect works out what lines change, and which of them do: those that say what the list says
// already are left out of kept. own is what the list has of those. A round trip for each few
// thousand lines.
func (f *Finance) effect(
	ctx context.Context, list pricing.List, lines []Line, soon time.Time,
) (e Effect, kept []Line, own ownPrices, err error) {
	w := weigher{list: list, effect: &e, soon: soon, lines: make(map[lineKey]int), skus: make(map[string]bool), own: make(ownPrices)}
	e.Lines = len(lines)
	for _, l := range lines {
		w.lines[l.key()]++
	}
	var faults lineFaults
	for chunk := range slices.Chunk(lines, linesAtOnce) {
		priced, err := f.read(ctx, &w, chunk)
		if err != nil {
			return Effect{}, nil, nil, err
		}
		for _, l := range chunk {
			if w.take(priced[l.SKU], l, &faults) {
				kept = append(kept, l)
			}
		}
		if faults.full() {
			break
		}
	}
	e.SKUs = len(w.skus)
	e.trim()
	return e, kept, w.own, faults.err()
}

// read reads the SKUs of lines, and the rules where they are not read yet.
func (f *Finance) read(ctx context.Context, w *weigher, lines []Line) (map[string]*pricing.PricedSKU, error) {
	if w.rules != nil {
		return f.pricedSKUs(ctx, lines, w.soon, nil)
	}
	var rows pricing.RuleRows
	priced, err := f.pricedSKUs(ctx, lines, w.soon, &rows)
	if err == nil {
		w.rules = pricing.NewRules(rows)
	}
	return priced, err
}

// pricedSKUs reads the SKUs of lines with their prices since a moment, or as far back as the
// lines go, and the rules too where they are asked for. One round trip.
func (f *Finance) pricedSKUs(
	ctx context.Context, lines []Line, since time.Time, rules *pricing.RuleRows,
) (map[string]*pricing.PricedSKU, error) {
	skus := make([]string, len(lines))
	for i, l := range lines {
		skus[i], since = l.SKU, database.Earlier(since, l.From)
	}
	priced := make(map[string]*pricing.PricedSKU, len(lines))
	err := f.DB.Read(ctx, func(b *database.Batch) error {
		if rules != nil {
			pricing.QueueRules(b, f.rulesSince(), rules)
		}
		pricing.QueuePricedSKUs(b, skus, since, priced)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	return priced, nil
}

// weigher counts lines into an effect.
type weigher struct {
	rules  *pricing.Rules
	list   pricing.List
	effect *Effect
	soon   time.Time
	lines  map[lineKey]int // how many there are
	skus   map[string]bool // those that change
	own    ownPrices       // of those
}

// take checks a line against what its SKU costs, and weighs it. It reports whether the line
// changes anything.
func (w *weigher) take(a *pricing.PricedSKU, l Line, faults *lineFaults) bool {
	if a == nil {
		faults.add(l.No, "sku", "there is no SKU %q: create its product first", l.SKU)
		return false
	}
	own := ownEntries(a, w.list.Code, l.MinQuantity)
	switch {
	case w.said(own, l):
		w.effect.Unchanged++
		return false
	case !l.From.IsZero() && l.From.Before(w.soon):
		faults.add(l.No, "valid_from", "%s", tooEarly(w.soon))
		return false
	}
	if clash, found := clashOf(own, l.period(w.soon)); found && l.AmountMinor != nil {
		faults.add(l.No, "valid_from", "overlaps the price of %s that the list has from %s: end that one first, or choose another period",
			l.SKU, clash.Period.From.UTC().Format(time.RFC3339Nano))
		return false
	}
	w.skus[l.SKU], w.own[l.key()] = true, own
	if l.AmountMinor == nil {
		w.weighEnd(a, l)
	} else {
		w.weigh(a, l)
	}
	w.effect.trimSome()
	return true
}

// ownEntries returns a list's prices of a quantity, by time, without those that never came to be.
func ownEntries(a *pricing.PricedSKU, list string, minQuantity int64) []pricing.Entry {
	var own []pricing.Entry
	for _, e := range a.Entries {
		if e.List == list && e.MinQuantity == minQuantity && (e.Period.To.IsZero() || e.Period.From.Before(e.Period.To)) {
			own = append(own, e)
		}
	}
	return own
}

// said reports whether the list says already what the line does.
func (w *weigher) said(own []pricing.Entry, l Line) bool {
	p := l.period(w.soon)
	alone := w.lines[l.key()] == 1 // else another line of the change may say otherwise before
	if l.AmountMinor == nil {
		return alone && !slices.ContainsFunc(own, func(e pricing.Entry) bool { return e.Period.To.IsZero() || e.Period.To.After(p.From) })
	}
	return slices.ContainsFunc(own, func(e pricing.Entry) bool {
		same := e.Period.From.Equal(p.From) && e.Period.To.Equal(p.To)
		goesOn := alone && e.Period.To.IsZero() && p.To.IsZero() && e.Period.From.Before(p.From) && !p.From.Before(w.soon)
		return (same || goesOn) && e.AmountMinor == *l.AmountMinor
	})
}

// clashOf returns the price that a list has already in a period, other than one without an end that
// gives way.
func clashOf(own []pricing.Entry, p pricing.Period) (clash pricing.Entry, found bool) {
	for _, e := range own {
		givesWay := e.Period.To.IsZero() && e.Period.From.Before(p.From)
		if !givesWay && e.Period.Overlaps(p) {
			return e, true
		}
	}
	return pricing.Entry{}, false
}

func (w *weigher) weigh(a *pricing.PricedSKU, l Line) {
	at := l.period(w.soon).From
	m := Move{Line: l.No, SKU: l.SKU, MinQuantity: l.MinQuantity, NewMinor: *l.AmountMinor}
	before, err := w.price(a, l.MinQuantity, at)
	if err != nil {
		w.effect.New++
	} else {
		w.effect.move(&m, before)
	}
	if cost, known := w.cost(a, at); known && w.list.Kind != pricing.Cost && m.NewMinor < cost {
		m.CostMinor = cost
		w.effect.BelowCost++
		w.effect.UnderCosts = append(w.effect.UnderCosts, m)
	}
}

// weighEnd weighs a price that ends: what comes after it is what others say.
func (w *weigher) weighEnd(a *pricing.PricedSKU, l Line) {
	w.effect.Ended++
	at := l.period(w.soon).From
	before, err := w.price(a, l.MinQuantity, at)
	if err != nil || w.list.Kind == pricing.Cost {
		return
	}
	others := *a
	others.Entries = slices.DeleteFunc(slices.Clone(a.Entries), func(e pricing.Entry) bool {
		return e.List == w.list.Code && e.MinQuantity == l.MinQuantity
	})
	after, err := w.price(&others, l.MinQuantity, at)
	if err != nil {
		w.effect.WithoutPrice++
		return
	}
	if after != before {
		m := Move{Line: l.No, SKU: l.SKU, MinQuantity: l.MinQuantity, NewMinor: after}
		w.effect.note(&m, before)
	}
}

// move counts a price that was another before, or the same.
func (e *Effect) move(m *Move, before int64) {
	if before == m.NewMinor {
		m.OldMinor = before
		e.Unchanged++
		return
	}
	e.Changed++
	e.note(m, before)
}

// note keeps a rise or a fall.
func (e *Effect) note(m *Move, before int64) {
	m.OldMinor, m.ChangeBP = before, changeBP(before, m.NewMinor)
	if m.NewMinor > before {
		e.Rises = append(e.Rises, *m)
	} else {
		e.Falls = append(e.Falls, *m)
	}
}

// price returns what the customer of the list pays at a moment; of a cost list, what the goods cost.
func (w *weigher) price(a *pricing.PricedSKU, quantity int64, at time.Time) (int64, error) {
	if w.list.Kind == pricing.Cost {
		if cost, known := w.cost(a, at); known {
			return cost, nil
		}
		return 0, ErrNotFound
	}
	ask := pricing.Ask{Currency: w.list.Currency, Group: w.list.Group, At: at}
	var err error
	if w.list.Market != "" {
		ask.Market, err = w.rules.Market(w.list.Market, at)
	} else {
		ask.Market, err = w.rules.MarketOf("", at) // the rest of the world
	}
	if err != nil {
		return 0, err
	}
	unit, err := w.rules.Unit(a, ask, quantity)
	return unit.AmountMinor, err
}

// cost returns what a unit costs the shop, in the list's currency; the least where cost lists differ.
func (w *weigher) cost(a *pricing.PricedSKU, at time.Time) (least int64, known bool) {
	for _, e := range a.Entries {
		head := w.rules.List(e.List)
		if head == nil || head.Kind != pricing.Cost || e.MinQuantity > 1 || !e.Period.Has(at) || !head.Period.Has(at) {
			continue
		}
		cost, err := w.rules.Convert(money.New(e.AmountMinor, head.Currency), w.list.Currency, at)
		if err == nil && (!known || cost.Minor < least) {
			least, known = cost.Minor, true
		}
	}
	return least, known
}

// whole is 100 % in basis points.
const whole = 10_000

// changeBP returns the change in basis points of what it was, rounded away from zero, so that no
// step is taken for a smaller one; from nothing it is 100 %.
func changeBP(before, after int64) int64 {
	if before == 0 {
		return whole
	}
	scaled, err := money.Times(after-before, whole)
	switch {
	case err != nil && after < before:
		return -whole // neither is below zero
	case err != nil:
		return maxAmountMinor
	case scaled < 0:
		return (scaled - before + 1) / before
	}
	return (scaled + before - 1) / before
}

// trimSome keeps the moves few while they are gathered.
func (e *Effect) trimSome() {
	if max(len(e.Rises), len(e.Falls), len(e.UnderCosts)) > 100*mostMoves {
		e.trim()
	}
}

// trim keeps the largest moves.
func (e *Effect) trim() {
	e.Rises = largest(e.Rises, func(m Move) int64 { return m.ChangeBP })
	e.Falls = largest(e.Falls, func(m Move) int64 { return -m.ChangeBP })
	e.UnderCosts = largest(e.UnderCosts, func(m Move) int64 { return m.CostMinor - m.NewMinor })
}

// largest returns the moves that are largest by a measure; of equal ones the first in the file.
func largest(moves []Move, by func(Move) int64) []Move {
	slices.SortStableFunc(moves, func(a, b Move) int { return cmp.Compare(by(b), by(a)) })
	return append([]Move{}, moves[:min(len(moves), mostMoves)]...) // never null in JSON
}
