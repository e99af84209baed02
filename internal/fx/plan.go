package fx

import (
	"time"

	"meridian/internal/money"
)

// A planner decides what becomes of each quotation of an import. It does nothing itself.
type planner struct {
	rules  Config
	source string
	now    time.Time
	past   map[money.Currency]*past

	rows   []Entry
	report Report
}

// plan takes quotations sorted by currency and day.
func (p *planner) plan(quotes []Quotation) {
	p.report.Source = p.source
	history := make(map[money.Currency]bool, len(p.past))
	for currency, past := range p.past {
		history[currency] = !past.priced
	}
	for _, q := range quotes {
		p.place(q, p.past[q.Currency], history[q.Currency])
	}
}

// place decides about one quotation.
func (p *planner) place(q Quotation, past *past, history bool) {
	if stored, known := past.stored[q.Day]; known {
		if stored == q.Rate {
			p.report.Unchanged++
		} else {
			p.conflict(Conflict{Quotation: q, Stored: stored})
		}
		return
	}
	from := startOf(q.Day, p.now, p.rules.Lead, history)
	switch {
	case past.newest > q.Day:
		p.add(past, q, InForce, &p.now, &p.now)
		p.report.Late++
	case p.tooFar(past.previous, q, history):
		p.add(past, q, Held, nil, nil)
		p.hold(HeldRate{Quotation: q, Previous: past.previous.Rate})
	case past.entered && (past.until == nil || past.until.After(from)):
		p.conflict(Conflict{Quotation: q, Overlaps: true, Until: past.until})
	default:
		p.supersede(past, from)
		p.add(past, q, InForce, &from, nil)
		past.last, past.previous, past.newest = len(p.rows), q, q.Day
	}
}

// startOf returns when a rate of a day comes into force that is stored now: at its publication. One
// that is not a currency's history does not do so before every pod knows of it, so that nothing
// changes that was priced already.
func startOf(day string, now time.Time, lead time.Duration, history bool) time.Time {
	published, err := publishedAt(day)
	if known := now.Add(lead); err != nil || (!history && published.Before(known)) {
		return known
	}
	return published
}

// resumedAfter is how old a rate of a currency's history must be for the next one not to be
// compared with it: the source had stopped quoting the currency, and began again.
const resumedAfter = 30 * 24 * time.Hour

// tooFar reports whether a rate jumped.
func (p *planner) tooFar(previous, next Quotation, history bool) bool {
	if previous.Day == "" {
		return false
	}
	if history && apart(previous.Day, next.Day) > resumedAfter {
		return false
	}
	return jumps(previous.Rate, next.Rate, p.rules.MaxJumpBP)
}

// apart returns the time between two days, which are dates.
func apart(from, to string) time.Duration {
	begin, _ := publishedAt(from)
	end, _ := publishedAt(to)
	return end.Sub(begin)
}

// supersede ends the currency's rate that was planned before, where both would come into force
// at once: only the later day's does.
func (p *planner) supersede(past *past, from time.Time) {
	if past.last > 0 && p.rows[past.last-1].ValidFrom.Equal(from) {
		p.rows[past.last-1].ValidTo = &from
		p.report.Late++
	}
}

// add plans a row.
func (p *planner) add(past *past, q Quotation, status Status, from, to *time.Time) {
	past.stored[q.Day] = q.Rate
	p.rows = append(p.rows, Entry{
		Currency: q.Currency, Source: p.source, Day: q.Day, Rate: q.Rate, Status: status,
		ValidFrom: from, ValidTo: to, ImportedAt: p.now,
	})
	p.report.New++
}

func (p *planner) hold(h HeldRate) {
	p.report.Held++
	if len(p.report.HeldRates) < maxListed {
		p.report.HeldRates = append(p.report.HeldRates, h)
	}
}

func (p *planner) conflict(c Conflict) {
	p.report.Conflicts++
	if len(p.report.ConflictingRates) < maxListed {
		p.report.ConflictingRates = append(p.report.ConflictingRates, c)
	}
}
