package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// shelf holds what the shop computes prices from, in this process's memory.
type shelf struct {
	rules    *pricing.Rules
	articles []*pricing.PricedSKU
	market   *pricing.Market
	dest     pricing.Destination
	items    []pricing.Item // of the quote that is being worked out
}

// readAtOnce bounds the articles that one statement reads.
const readAtOnce = 1000

// readShelf reads the rules, and the articles that were loaded.
func (r *run) readShelf(ctx context.Context) (*shelf, error) {
	s := &shelf{dest: pricing.Destination{Country: r.markets[0].country}}
	now := time.Now()
	var rows pricing.RuleRows
	err := r.db.Read(ctx, func(b *database.Batch) error {
		pricing.QueueRules(b, pricing.Since(now), &rows)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	s.rules = pricing.NewRules(rows)
	if s.market, err = s.rules.MarketOf(s.dest.Country, now); err != nil {
		return nil, err
	}
	for from := 0; from < r.SKUs; from += readAtOnce {
		if err := s.readArticles(ctx, r.db, benchSKUs(from, min(from+readAtOnce, r.SKUs)), now); err != nil {
			return nil, fmt.Errorf("read articles: %w", err)
		}
	}
	return s, nil
}

func (s *shelf) readArticles(ctx context.Context, db *database.DB, skus []string, now time.Time) error {
	found := make(map[string]*pricing.PricedSKU, len(skus))
	err := db.Read(ctx, func(b *database.Batch) error {
		pricing.QueuePricedSKUs(b, skus, pricing.Since(now), found)
		return nil
	})
	for _, sku := range skus {
		if err == nil && found[sku] == nil {
			err = fmt.Errorf("%s is not there", sku)
		}
		s.articles = append(s.articles, found[sku])
	}
	return err
}

// questions returns n questions of so many lines each among the first SKUs. Every SKU comes once
// before any comes again, and the currencies take turns.
func (s *shelf) questions(draw *rand.Rand, skus, lines, n int) []question {
	all := make([]question, n)
	var order []int
	for i := range all {
		if len(order) < lines {
			order = draw.Perm(skus)
		}
		all[i] = s.question(draw, order[:lines], priceCurrencies[i%len(priceCurrencies)])
		order = order[lines:]
	}
	return all
}

func (s *shelf) question(draw *rand.Rand, chosen []int, currency money.Currency) question {
	q := question{ask: pricing.Ask{Market: s.market, Currency: currency, At: time.Now()}, goods: make([]pricing.Item, len(chosen))}
	body := append([]byte(`{"country":"`), s.dest.Country...)
	body = append(append(body, `","currencies":["`...), currency...)
	body = append(body, `"],"lines":[`...)
	for i, place := range chosen {
		q.goods[i] = pricing.Item{Priced: s.articles[place], Quantity: 1 + draw.Int64N(maxUnits)}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(body, `{"sku":"`...), s.articles[place].SKU...)
		body = strconv.AppendInt(append(body, `","quantity":`...), q.goods[i].Quantity, 10)
		body = append(body, '}')
	}
	q.body = append(body, "]}"...)
	return q
}

// price computes a quote: each unit's price, then the lines, their tax and the sums.
func (s *shelf) price(q question) (pricing.Quote, error) {
	s.items = append(s.items[:0], q.goods...)
	for i := range s.items {
		var err error
		if s.items[i].Unit, err = s.rules.Unit(s.items[i].Priced, q.ask, s.items[i].Quantity); err != nil {
			return pricing.Quote{}, err
		}
	}
	return s.rules.Quote(pricing.QuoteInput{Dest: s.dest, Ask: q.ask, Items: s.items})
}

func (s *shelf) total(q question) (int64, error) {
	quote, err := s.price(q)
	return quote.TotalMinor, err
}

// part does the arithmetic of one question after the other for d and adds that to the bare
// sample of q.
func (s *shelf) part(ctx context.Context, m meter, q *quoting, d time.Duration) error {
	q.bare.begin()
	return m.during(&q.bare, func() error {
		started := time.Now()
		for began := started; ctx.Err() == nil && began.Sub(started) < d; began = time.Now() {
			if _, err := s.price(q.questions[q.bare.done%len(q.questions)]); err != nil {
				return err
			}
			q.bare.tally.operation(time.Since(began), nil)
			q.bare.done++
		}
		q.bare.elapsed += time.Since(started)
		return ctx.Err()
	})
}
