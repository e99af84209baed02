package pricing

import (
	"slices"
	"time"

	"meridian/internal/database"
)

// Lowest returns the lowest price that one unit had in the 30 days before its present reduction
// began, in minor units: what a shop in the European Union shows beside a reduced price
// (Directive 98/6/EC, article 6a). ok is false where the SKU is not reduced, or had no
// price before. Rules and entries must reach back LowestReach before the asked moment.
//
// Prices move with price lists, their entries, markets, exchange rates and rounding rules; each of these
// has its moments, and between two of them the price stands still.
func (r *Rules) Lowest(a *PricedSKU, ask Ask) (lowest int64, ok bool) {
	now, err := r.Unit(a, ask, 1)
	if err != nil || now.Regular == nil {
		return 0, false
	}
	market := ask.Market.Code
	begun := database.Later(now.Entry.Period.From, now.List.Period.From)
	from := database.Later(begun.Add(-LowestWindow), ask.At.Add(-LowestReach))
	if !from.Before(begun) {
		return 0, false
	}
	for _, at := range r.moments(a, ask, from, begun) {
		var known bool
		if ask.Market, known = inForce(r.markets[market], at); !known {
			continue
		}
		ask.At = at
		if unit, err := r.Unit(a, ask, 1); err == nil && (!ok || unit.AmountMinor < lowest) {
			lowest, ok = unit.AmountMinor, true
		}
	}
	return lowest, ok
}

// Next returns the earliest moment after the asked one at which the price may move, within an
// hour; else the end of that hour.
func (r *Rules) Next(a *PricedSKU, ask Ask) time.Time {
	end := ask.At.Add(time.Hour)
	moments := r.moments(a, ask, ask.At, end)
	if len(moments) > 1 {
		return moments[1]
	}
	return end
}

// NextWithin returns the earliest moment after the asked one, and before the end of a horizon, at which the price may move;
// ok is false where there is none. Exchange rates count only where the price now follows from them.
func (r *Rules) NextWithin(a *PricedSKU, ask Ask, horizon time.Duration) (next time.Time, ok bool) {
	end := ask.At.Add(horizon)
	moments := r.listMoments(a, ask, ask.At, end)
	if unit, err := r.Unit(a, ask, 1); err != nil || unit.Converted() || unit.List.Kind == Sale {
		moments = append(moments, r.rateMoments(a, ask, ask.At, end)...)
	}
	for _, at := range moments {
		if at.After(ask.At) && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	return next, ok
}

// moments returns when the price may have moved, from the beginning of a window until just
// before its end.
func (r *Rules) moments(a *PricedSKU, ask Ask, from, to time.Time) []time.Time {
	moments := append(r.listMoments(a, ask, from, to), from)
	moments = append(moments, r.rateMoments(a, ask, from, to)...)
	slices.SortFunc(moments, time.Time.Compare)
	return slices.CompactFunc(moments, time.Time.Equal)
}

// listMoments returns those of price lists and their entries, and of the market.
func (r *Rules) listMoments(a *PricedSKU, ask Ask, from, to time.Time) []time.Time {
	s := span{from: from, to: to}
	for i := range a.Entries {
		s.add(a.Entries[i].Period)
		if l := r.lists[a.Entries[i].List]; l != nil {
			s.add(l.Period)
		}
	}
	for _, m := range r.markets[ask.Market.Code] {
		s.add(m.Period)
	}
	return s.moments
}

// rateMoments returns those of what converts a base price: exchange rates, and the rules of rounding.
func (r *Rules) rateMoments(a *PricedSKU, ask Ask, from, to time.Time) []time.Time {
	s := span{from: from, to: to}
	for _, name := range []string{ask.Market.Rounding[ask.Currency], ask.Market.Rounding[""]} {
		for _, rule := range r.roundings[name] {
			s.add(rule.Period)
		}
	}
	return append(s.moments, r.Rates.Moments(from, to, a.BaseCurrency, ask.Currency)...)
}

// span gathers the moments at which periods begin or end between two moments, both left out.
type span struct {
	from, to time.Time
	moments  []time.Time
}

func (s *span) add(p Period) {
	for _, at := range [2]time.Time{p.From, p.To} {
		if at.After(s.from) && at.Before(s.to) {
			s.moments = append(s.moments, at)
		}
	}
}
