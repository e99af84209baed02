package fx

import (
	"time"

	"meridian/internal/money"
)

// Moments returns when the rates of some currencies begin or end between two moments, both left out.
func (t *Table) Moments(from, to time.Time, currencies ...money.Currency) []time.Time {
	var moments []time.Time
	add := func(at time.Time) {
		if at.After(from) && at.Before(to) {
			moments = append(moments, at)
		}
	}
	for _, currency := range currencies {
		line := t.currencies[currency]
		for _, rates := range [][]Rate{line.manual, line.published} {
			for _, r := range rates {
				add(r.ValidFrom)
				if r.ValidTo != nil {
					add(*r.ValidTo)
				}
			}
		}
	}
	return moments
}
