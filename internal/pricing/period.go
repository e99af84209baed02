package pricing

import (
	"slices"
	"time"
)

// Period is when something is in force: from From until just before To. A zero To is no end.
type Period struct {
	From, To time.Time
}

// Has reports whether at is in the period.
func (p Period) Has(at time.Time) bool {
	return !at.Before(p.From) && (p.To.IsZero() || at.Before(p.To))
}

// Overlaps reports whether the periods have a moment in common. An empty one has none.
func (p Period) Overlaps(q Period) bool {
	return !p.empty() && !q.empty() && p.beginsBefore(q.To) && q.beginsBefore(p.To)
}

func (p Period) empty() bool { return !p.To.IsZero() && !p.From.Before(p.To) }

// beginsBefore reports whether the period begins before an end, which is none where it is zero.
func (p Period) beginsBefore(end time.Time) bool { return end.IsZero() || p.From.Before(end) }

// dated is anything that is in force for a time.
type dated interface{ period() Period }

// inForce returns the version that is in force at a moment; ok is false where none is. Versions do
// not overlap.
func inForce[T dated](versions []T, at time.Time) (found T, ok bool) {
	for _, v := range slices.Backward(versions) { // the present is nearer the end
		if v.period().Has(at) {
			return v, true
		}
	}
	return found, false
}
