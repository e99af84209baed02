package finance

import (
	"cmp"
	"fmt"
	"time"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing"
)

// MaxLines bounds the lines of one bulk change.
const MaxLines = 200_000

// The bounds of a price, in minor units, and of its quantity.
const (
	maxAmountMinor = 1_000_000_000_000
	maxMinQuantity = 1_000_000
	maxSKUBytes    = 64
)

// Line is one price that a list is to have.
type Line struct {
	// No is where it stands in the file, from 1: for errors.
	No  int64
	SKU string
	// MinQuantity is from how many units on it counts; 1 or more.
	MinQuantity int64
	// AmountMinor is the price in minor units of the list's currency; nil ends the price there is.
	AmountMinor *int64
	// From is when it comes into force; zero as soon as may be. To is when it ends; zero never.
	From, To time.Time
}

// lineKey is what has one price at a time in a list.
type lineKey struct {
	sku         string
	minQuantity int64
}

func (l Line) key() lineKey { return lineKey{l.SKU, l.MinQuantity} }

func (k lineKey) compare(other lineKey) int {
	return cmp.Or(cmp.Compare(k.sku, other.sku), cmp.Compare(k.minQuantity, other.minQuantity))
}

// period returns when the line's price is to be in force; soon is as soon as may be.
func (l Line) period(soon time.Time) pricing.Period {
	if l.From.IsZero() {
		return pricing.Period{From: soon, To: l.To}
	}
	return pricing.Period{From: l.From, To: l.To}
}

// maxLineFaults is how many faults of lines are told at once.
const maxLineFaults = 20

// lineFaults gathers what is wrong with lines, so many of them.
type lineFaults struct{ invalid.List }

func (f *lineFaults) full() bool { return len(f.List) >= maxLineFaults }

func (f *lineFaults) add(no int64, field, remedy string, args ...any) {
	if !f.full() {
		f.Add(fmt.Sprintf("line %d, %s", no, field), remedy, args...)
	}
}

func (f *lineFaults) err() error { return f.Err("price file") }

// checkLines checks lines by themselves and among themselves, and brings their times to what the
// database keeps.
func checkLines(lines []Line, soon time.Time) error {
	var f lineFaults
	if len(lines) == 0 || len(lines) > MaxLines {
		f.Add("lines", "must be 1 to %d", MaxLines)
		return f.err()
	}
	for i := range lines {
		l := &lines[i]
		l.From, l.To = database.Moment(l.From), database.Moment(l.To)
		checkLine(&f, *l, soon)
		if f.full() {
			return f.err()
		}
	}
	refuseOverlaps(&f, lines, soon)
	return f.err()
}

func checkLine(f *lineFaults, l Line, soon time.Time) {
	if l.SKU == "" || len(l.SKU) > maxSKUBytes {
		f.add(l.No, "sku", "must have 1 to %d bytes", maxSKUBytes)
	}
	if l.MinQuantity < 1 || l.MinQuantity > maxMinQuantity {
		f.add(l.No, "min_quantity", "must be 1 to %d", maxMinQuantity)
	}
	if l.AmountMinor != nil && (*l.AmountMinor < 0 || *l.AmountMinor > maxAmountMinor) {
		f.add(l.No, "amount_minor", "must be 0 to %d minor units, or empty to end the price", int64(maxAmountMinor))
	}
	if !l.To.IsZero() && !l.To.After(l.period(soon).From) {
		f.add(l.No, "valid_to", "must be after valid_from")
	}
	if l.AmountMinor == nil && !l.To.IsZero() {
		f.add(l.No, "valid_to", "must be empty where the price is ended")
	}
}

// refuseOverlaps refuses lines of one SKU and quantity that begin together, or within one that has
// an end. One without an end gives way to those that begin later.
func refuseOverlaps(f *lineFaults, lines []Line, soon time.Time) {
	for _, some := range byKey(lines) {
		for i := 1; i < len(some); i++ {
			before, begins := some[i-1], some[i].period(soon).From
			if begins.Equal(before.period(soon).From) || before.To.After(begins) {
				f.add(some[i].No, "valid_from", "overlaps line %d, which has the same SKU and quantity: leave one out, or end that one before",
					before.No)
			}
		}
	}
}
