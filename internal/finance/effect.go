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
	// WithoutPrice is how many leave no price to sell at when they end.
	WithoutPrice int `json:"without_price"`
	// BelowCost is how many prices are less than the goods cost.
	BelowCost int `json:"below_cost"`
	// The largest rises and falls, and the worst below cost: at most ten of each.
	Rises      []Move `json:"rises"`
	Falls      []Move `json:"falls"`
	UnderCosts []Move `json:"under_costs"`
	// Touched are the first lines that change something, by SKU, and LeftWithout those that
	// WithoutPrice counts: at most a hundred of each. The lines of a change tell all of them.
	Touched     []Touch `json:"touched"`
	LeftWithout []Touch `json:"left_without"`
}

// Touch is what a customer of the list's market and group would pay before, during and after a
// line, in minor units of the list's currency; nil is no price.
type Touch struct {
	Line        int64     `json:"line"`
	SKU         string    `json:"sku"`
	MinQuantity int64     `json:"min_quantity"`
	From        time.Time `json:"valid_from"`
	// To is when the line ends, and AfterMinor the price from then on; nil for one without an end.
	To          *time.Time `json:"valid_to,omitzero"`
	BeforeMinor *int64     `json:"before_minor"`
	DuringMinor *int64     `json:"during_minor"`
	AfterMinor  *int64     `json:"after_minor,omitzero"`
}

// mostTouches bounds the lines that an effect names.
const mostTouches = 100

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
	w := weigher{list: list, effect: &e, soon: soon, skus: make(map[string]bool), own: make(ownPrices), timelines: make(map[lineKey]*timeline)}
	e.Lines = len(lines)
	var faults lineFaults
	for chunk := range slices.Chunk(slices.Concat(byKey(lines)...), linesAtOnce) {
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

// weigher counts lines into an effect. It takes the lines of a SKU and quantity by time.
type weigher struct {
	rules     *pricing.Rules
	list      pricing.List
	effect    *Effect
	soon      time.Time
	skus      map[string]bool // those that change
	own       ownPrices       // of those
	timelines map[lineKey]*timeline
}

// take checks a line against what its SKU costs, and weighs it. It reports whether the line
// changes anything.
func (w *weigher) take(a *pricing.PricedSKU, l Line, faults *lineFaults) bool {
	if a == nil {
		faults.add(l.No, "sku", "there is no SKU %q: create its product first", l.SKU)
		return false
	}
	own := ownEntries(a, w.list.Code, l.MinQuantity)
	t := w.timelines[l.key()]
	if t == nil {
		t = new(newTimeline(own))
		w.timelines[l.key()] = t
	}
	early := !l.From.IsZero() && l.From.Before(w.soon)
	l.From = l.period(w.soon).From
	switch {
	case t.says(l):
		w.effect.Unchanged++
		return false
	case early:
		faults.add(l.No, "valid_from", "%s", tooEarly(w.soon))
		return false
	}
	before := w.showing(a, *t, l.MinQuantity)
	if clash, ok := t.set(l); !ok {
		faults.add(l.No, "valid_from", "overlaps the price of %s that the list has from %s: end that one first, or choose another period",
			l.SKU, clash.From.UTC().Format(time.RFC3339Nano))
		return false
	}
	w.skus[l.SKU], w.own[l.key()] = true, own
	w.weigh(before, w.showing(a, *t, l.MinQuantity), l)
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

// showing returns the SKU as it is when the list has this timeline for a quantity.
func (w *weigher) showing(a *pricing.PricedSKU, t timeline, minQuantity int64) *pricing.PricedSKU {
	shown := *a
	shown.Entries = slices.DeleteFunc(slices.Clone(a.Entries), func(e pricing.Entry) bool {
		return e.List == w.list.Code && e.MinQuantity == minQuantity
	})
	shown.Entries = append(shown.Entries, t.entries(w.list.Code, minQuantity)...)
	return &shown
}

// weigh compares a SKU without a line and with it.
func (w *weigher) weigh(without, with *pricing.PricedSKU, l Line) {
	was := Touch{Line: l.No, SKU: l.SKU, MinQuantity: l.MinQuantity, From: l.From, To: database.NullTime(l.To)}
	was.BeforeMinor, was.DuringMinor = w.price(without, l.MinQuantity, l.From), w.price(with, l.MinQuantity, l.From)
	priced, left := was.BeforeMinor, was.DuringMinor
	if !l.To.IsZero() {
		was.AfterMinor = w.price(with, l.MinQuantity, l.To)
		priced, left = was.DuringMinor, was.AfterMinor
	}
	w.effect.touch(was, priced != nil && left == nil && w.list.Kind != pricing.Cost)
	m := Move{Line: l.No, SKU: l.SKU, MinQuantity: l.MinQuantity}
	if l.AmountMinor == nil {
		w.effect.Ended++
		if was.BeforeMinor != nil && was.DuringMinor != nil && *was.BeforeMinor != *was.DuringMinor && w.list.Kind != pricing.Cost {
			m.NewMinor = *was.DuringMinor
			w.effect.note(&m, *was.BeforeMinor)
		}
		return
	}
	if m.NewMinor = *l.AmountMinor; was.BeforeMinor == nil {
		w.effect.New++
	} else {
		w.effect.move(&m, *was.BeforeMinor)
	}
	if cost, known := w.cost(without, l.From); known && w.list.Kind != pricing.Cost && m.NewMinor < cost {
		m.CostMinor = cost
		w.effect.BelowCost++
		w.effect.UnderCosts = append(w.effect.UnderCosts, m)
	}
}

// touch names a line, and counts it among those that leave no price if it does.
func (e *Effect) touch(t Touch, leavesNone bool) {
	if len(e.Touched) < mostTouches {
		e.Touched = append(e.Touched, t)
	}
	if leavesNone {
		e.WithoutPrice++
		if len(e.LeftWithout) < mostTouches {
			e.LeftWithout = append(e.LeftWithout, t)
		}
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

// price returns what the customer of the list pays at a moment, nil for no price; of a cost list,
// what the goods cost.
func (w *weigher) price(a *pricing.PricedSKU, quantity int64, at time.Time) *int64 {
	if w.list.Kind == pricing.Cost {
		if cost, known := w.cost(a, at); known {
			return &cost
		}
		return nil
	}
	ask := pricing.Ask{Currency: w.list.Currency, Group: w.list.Group, At: at}
	var err error
	if w.list.Market != "" {
		ask.Market, err = w.rules.Market(w.list.Market, at)
	} else {
		ask.Market, err = w.rules.MarketOf("", at) // the rest of the world
	}
	if err != nil {
		return nil
	}
	unit, err := w.rules.Unit(a, ask, quantity)
	if err != nil {
		return nil
	}
	return &unit.AmountMinor
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
	e.Touched, e.LeftWithout = append([]Touch{}, e.Touched...), append([]Touch{}, e.LeftWithout...) // never null in JSON
}

// largest returns the moves that are largest by a measure; of equal ones the first in the file.
func largest(moves []Move, by func(Move) int64) []Move {
	slices.SortFunc(moves, func(a, b Move) int { return cmp.Or(cmp.Compare(by(b), by(a)), cmp.Compare(a.Line, b.Line)) })
	return append([]Move{}, moves[:min(len(moves), mostMoves)]...) // never null in JSON
}
