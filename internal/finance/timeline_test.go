package finance

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meridian/internal/pricing"
)

// hoursOfModel is how many hours the model of a timeline has; after them everything goes on as it is.
const hoursOfModel = 12

// TestTimeline_Model compares timelines with prices by the hour: a line without an end holds as long as the same price would
// have been in force, one with an end for its hours and no others. What is refused changes nothing.
func TestTimeline_Model(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var line timeline
		var model [hoursOfModel + 1]int64 // 0 is no price
		for range rapid.IntRange(1, 8).Draw(t, "lines") {
			from := rapid.IntRange(0, hoursOfModel-1).Draw(t, "from")
			to := rapid.IntRange(from+1, hoursOfModel+1).Draw(t, "to")
			l := Line{SKU: "A", MinQuantity: 1, From: hours(from)}
			if rapid.IntRange(0, 4).Draw(t, "end") > 0 {
				l.AmountMinor = new(rapid.Int64Range(1, 1000).Draw(t, "amount"))
				if to <= hoursOfModel && rapid.Bool().Draw(t, "for a time") {
					l.To = hours(to)
				}
			}
			before := slices.Clone(line)
			next := nextBegin(line, l.From)
			_, ok := line.set(l)
			if !ok {
				if !slices.Equal(before, line) {
					t.Fatalf("refused, and changed: %v, %v", before, line)
				}
				continue
			}
			for hour := from; hour <= hoursOfModel; hour++ {
				at := hours(hour)
				switch {
				case l.AmountMinor == nil:
					model[hour] = 0
				case !l.To.IsZero() && !at.Before(l.To), l.To.IsZero() && !next.IsZero() && !at.Before(next):
				default:
					model[hour] = *l.AmountMinor
				}
			}
			check(t, line, model)
			if l.AmountMinor != nil && l.To.IsZero() && !next.IsZero() {
				continue // it ends with what comes next: given again, it would be refused
			}
			if !line.says(l) {
				t.Fatalf("%v does not say %+v", line, l)
			}
		}
	})
}

// nextBegin returns when the first price after an instant begins; zero for none.
func nextBegin(line timeline, after time.Time) (next time.Time) {
	for _, s := range line {
		if !s.never() && s.From.After(after) && (next.IsZero() || s.From.Before(next)) {
			next = s.From
		}
	}
	return next
}

// check compares each hour, and what would be written: entries that do not overlap.
func check(t *rapid.T, line timeline, model [hoursOfModel + 1]int64) {
	for hour, want := range model {
		var found []int64
		for _, e := range line.entries("list", 1) {
			if e.Period.Has(hours(hour)) {
				found = append(found, e.AmountMinor)
			}
		}
		if want == 0 && len(found) > 0 || want > 0 && !slices.Equal(found, []int64{want}) {
			t.Fatalf("at +%dh: %v, want %d of\n%v", hour, found, want, line)
		}
	}
	closings, openings := line.changes(lineKey{"A", 1})
	if len(closings) != 0 { // nothing was stored
		t.Fatalf("it closes %v", closings)
	}
	var total time.Duration
	for _, o := range openings {
		if o.To != nil && !o.From.Before(*o.To) {
			t.Fatalf("an empty price is written: %v", o)
		}
		if o.To != nil {
			total += o.To.Sub(o.From)
		}
	}
	if total > hoursOfModel*time.Hour {
		t.Fatalf("prices overlap: %v", openings)
	}
}

// TestTimeline_Changes: what a list has is closed where it gives way, and left alone elsewhere.
func TestTimeline_Changes(t *testing.T) {
	own := []pricing.Entry{
		{List: "l", MinQuantity: 1, AmountMinor: 5, Period: pricing.Period{From: hours(6)}},
		{List: "l", MinQuantity: 1, AmountMinor: 4, Period: pricing.Period{From: hours(0), To: hours(6)}},
	}
	line := newTimeline(own)
	if _, ok := line.set(Line{SKU: "A", MinQuantity: 1, AmountMinor: minor(3), From: hours(2), To: hours(3)}); !ok {
		t.Fatal("refused")
	}
	closings, openings := line.changes(lineKey{"A", 1})
	if len(closings) != 1 || !closings[0].From.Equal(hours(0)) || !closings[0].To.Equal(hours(2)) {
		t.Errorf("closed: %+v", closings)
	}
	if len(openings) != 2 || openings[0].AmountMinor != 3 || openings[1].AmountMinor != 4 || !openings[1].To.Equal(hours(6)) {
		t.Errorf("opened: %+v", openings)
	}
}
