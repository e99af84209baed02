package indexer

import (
	"encoding/binary"
	"time"

	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/search"
)

const (
	// horizon is how far ahead to look for moments at which prices change.
	horizon = 24 * time.Hour
	// soonest is when a document without such a moment is rendered again at the earliest. Such documents are spread
	// over the rest of the horizon, so that an index filled at once does not fall due at once.
	soonest = horizon / 2
)

// A priceList prices documents by the rules of one moment.
type priceList struct {
	rules   *pricing.Rules
	at      time.Time
	markets []*pricing.Market
	// next is when a market begins or ends; zero if none does within the horizon.
	next time.Time
}

func newPriceList(rules *pricing.Rules, at time.Time) priceList {
	l := priceList{rules: rules, at: at}
	for _, m := range rules.Markets() {
		if m.Period.Has(at) {
			l.markets = append(l.markets, &m)
		}
		l.next = database.Earlier(l.next, l.within(m.Period.From))
		l.next = database.Earlier(l.next, l.within(m.Period.To))
	}
	return l
}

// within returns at, or the zero time if it is past or beyond the horizon.
func (l priceList) within(at time.Time) time.Time {
	if at.After(l.at) && at.Before(l.at.Add(horizon)) {
		return at
	}
	return time.Time{}
}

// price sets the prices of a document, their bands, and GoodUntil. It returns true if GoodUntil is a known moment at
// which prices change, and false if it is only the end of the horizon.
func (l priceList) price(d *search.Document, articles []*pricing.PricedSKU) (expiring bool) {
	next := l.next
	d.Prices = make(map[string]int64, len(l.markets))
	for _, article := range articles {
		for _, m := range l.markets {
			ask := pricing.Ask{Market: m, Currency: m.Currency, At: l.at}
			if at, ok := l.rules.NextWithin(article, ask, horizon); ok {
				next = database.Earlier(next, at)
			}
			unit, err := l.rules.Unit(article, ask, 1)
			if err != nil {
				continue // it cannot be bought there
			}
			if least, known := d.Prices[m.Code]; !known || unit.AmountMinor < least {
				d.Prices[m.Code] = unit.AmountMinor
			}
		}
	}
	for _, m := range l.markets {
		if minor, known := d.Prices[m.Code]; known {
			d.PriceBands = append(d.PriceBands, search.PriceBand(m.Code, m.Currency, minor))
		}
	}
	d.GoodUntil = next
	if next.IsZero() {
		d.GoodUntil = l.at.Add(soonest + spread(d))
	}
	return !next.IsZero()
}

// spread returns a part of the second half of the horizon that depends on the document's id.
func spread(d *search.Document) time.Duration {
	const parts = 1 << 16
	return (horizon - soonest) / parts * time.Duration(binary.BigEndian.Uint16(d.ID[:]))
}
