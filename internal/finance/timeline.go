package finance

import (
	"slices"
	"time"

	"meridian/internal/database"
	"meridian/internal/pricing"
)

// timeline holds what a list asks for one SKU and quantity, by time. Its spans do not overlap.
type timeline []span

// span is a price and when it is in force; one that ends where it begins never is.
type span struct {
	pricing.Period
	amountMinor int64
	// stored says that the list has the price already, and until when: storedTo.
	stored   bool
	storedTo time.Time
}

func (s span) never() bool { return !s.To.IsZero() && !s.From.Before(s.To) }

// newTimeline returns the prices that a list has for a key, in any order.
func newTimeline(own []pricing.Entry) timeline {
	t := make(timeline, len(own))
	for i, e := range own {
		t[i] = span{Period: e.Period, amountMinor: e.AmountMinor, stored: true, storedTo: e.Period.To}
	}
	t.sort()
	return t
}

// set puts a line in force, whose From must be set:
//
//   - A line without a price ends whatever is, and withdraws what was to come.
//   - A price with an end takes the place of the one in force, which resumes afterwards.
//   - A price without an end holds until the list's next price.
//
// A price that begins when another does, reaches into a later one, or says not how it goes on
// when the one in force ends, is refused: set then returns that one, and false.
func (t *timeline) set(l Line) (clash span, ok bool) {
	if l.AmountMinor == nil {
		t.end(l.From)
		return span{}, true
	}
	before, next := t.around(l.From)
	period := pricing.Period{From: l.From, To: l.To}
	switch {
	case next != nil && next.From.Equal(l.From), next != nil && !l.To.IsZero() && next.Overlaps(period):
		return *next, false
	case l.To.IsZero() && before != nil && !before.To.IsZero() && !t.begins(before.To):
		return *before, false
	case l.To.IsZero() && next != nil:
		period.To = next.From
	}
	added := timeline{{Period: period, amountMinor: *l.AmountMinor}}
	if before != nil {
		if !period.To.IsZero() && (before.To.IsZero() || before.To.After(period.To)) {
			added = append(added, span{Period: pricing.Period{From: period.To, To: before.To}, amountMinor: before.amountMinor})
		}
		before.To = l.From
	}
	*t = append(*t, added...)
	t.sort()
	return span{}, true
}

// says reports whether the timeline is as it would be with a line.
func (t timeline) says(l Line) bool {
	if l.AmountMinor == nil {
		return !slices.ContainsFunc(t, func(s span) bool { return !s.never() && (s.To.IsZero() || s.To.After(l.From)) })
	}
	return slices.ContainsFunc(t, func(s span) bool {
		return s.Has(l.From) && s.amountMinor == *l.AmountMinor &&
			(s.To.IsZero() || !l.To.IsZero() && !s.To.Before(l.To) || l.To.IsZero() && t.begins(s.To))
	})
}

// begins reports whether a price begins at an instant.
func (t timeline) begins(at time.Time) bool {
	return slices.ContainsFunc(t, func(s span) bool { return !s.never() && s.From.Equal(at) })
}

// around returns the price in force at an instant if it began before, and the first that begins
// then or later; nil for none.
func (t timeline) around(at time.Time) (before, next *span) {
	for i := range t {
		switch s := &t[i]; {
		case s.never():
		case !s.From.Before(at):
			return before, s
		case s.Has(at):
			before = s
		}
	}
	return before, nil
}

func (t timeline) sort() {
	slices.SortStableFunc(t, func(a, b span) int { return a.From.Compare(b.From) })
}

func (t *timeline) end(at time.Time) {
	for i := range *t {
		if s := &(*t)[i]; s.To.IsZero() || s.To.After(at) {
			s.To = database.Later(at, s.From)
		}
	}
}

// entries returns the prices that are ever in force as entries of a list.
func (t timeline) entries(list string, minQuantity int64) []pricing.Entry {
	var all []pricing.Entry
	for _, s := range t {
		if !s.never() {
			all = append(all, pricing.Entry{List: list, MinQuantity: minQuantity, AmountMinor: s.amountMinor, Period: s.Period})
		}
	}
	return all
}

// changes returns what has to be written for the timeline to be what the list has.
func (t timeline) changes(k lineKey) (closings []pricing.Closing, openings []pricing.Opening) {
	for _, s := range t {
		switch {
		case s.stored && !s.To.Equal(s.storedTo):
			closings = append(closings, pricing.Closing{SKU: k.sku, MinQuantity: k.minQuantity, From: s.From, To: s.To})
		case !s.stored && !s.never():
			openings = append(openings, pricing.Opening{SKU: k.sku, MinQuantity: k.minQuantity, AmountMinor: s.amountMinor,
				From: s.From, To: database.NullTime(s.To)})
		}
	}
	return closings, openings
}
