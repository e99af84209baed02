package finance

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// StrategyEffect is what a strategy does to the prices that customers pay.
type StrategyEffect struct {
	// SKUs is how many were priced: all that are sold, or the first of them by code where More is true.
	SKUs int  `json:"skus"`
	More bool `json:"more"`
	// Moves are by market that countries leave and market that they come to.
	Moves []MarketMove `json:"moves"`
}

// MarketMove is what the customers of some countries pay before and after, for one unit, in the currency of their market
// before.
type MarketMove struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	Currency money.Currency `json:"currency"`
	// Countries are none for the rest of the world.
	Countries     []string      `json:"countries"`
	OldMultiplier money.Decimal `json:"old_multiplier"`
	NewMultiplier money.Decimal `json:"new_multiplier"`
	Rises         int           `json:"rises"`
	Falls         int           `json:"falls"`
	Unchanged     int           `json:"unchanged"`
	WithoutPrice  int           `json:"without_price"` // afterwards, though not before
	// LargestRiseBP and LargestFallBP are in basis points of what it was; a fall is below zero.
	LargestRiseBP int64 `json:"largest_rise_bp"`
	LargestFallBP int64 `json:"largest_fall_bp"`
	// Examples are the first SKUs by code whose price changes.
	Examples []MoveExample `json:"examples"`

	before, after *pricing.Market
}

// MoveExample is a price that changes, in minor units.
type MoveExample struct {
	SKU      string `json:"sku"`
	OldMinor int64  `json:"old_minor"`
	NewMinor int64  `json:"new_minor"`
	ChangeBP int64  `json:"change_bp"`
}

const (
	// mostStrategySKUs bounds the SKUs that an effect prices.
	mostStrategySKUs = 20_000
	mostExamples     = 3
)

// strategyEffect prices the SKUs of the shop before and after a rule that begins at an instant. A round trip for each few
// thousand SKUs.
func (f *Finance) strategyEffect(ctx context.Context, rules *pricing.Rules, r *StrategyRule, at time.Time) (StrategyEffect, error) {
	e := StrategyEffect{Moves: r.moves(rules, at)}
	for after := ""; ; {
		priced := make(map[string]*pricing.PricedSKU)
		err := f.DB.Read(ctx, func(b *database.Batch) error {
			pricing.QueuePricedAfter(b, after, linesAtOnce, f.moment(), priced)
			return nil
		})
		if err != nil {
			return StrategyEffect{}, fmt.Errorf("read prices: %w", err)
		}
		skus := slices.Sorted(maps.Keys(priced))
		for _, sku := range skus {
			for i := range e.Moves {
				e.Moves[i].weigh(rules, priced[sku], at)
			}
		}
		e.SKUs, e.More = e.SKUs+len(skus), len(skus) == linesAtOnce
		if !e.More || e.SKUs >= mostStrategySKUs {
			return e, nil
		}
		after = skus[len(skus)-1]
	}
}

// moves returns which countries go from which market to which, where the rule changes anything for them.
func (r *StrategyRule) moves(rules *pricing.Rules, at time.Time) []MarketMove {
	countries := []string{""} // the rest of the world
	for _, m := range r.Markets {
		countries = append(countries, m.Countries...)
	}
	for _, code := range r.Ends {
		if m, err := rules.Market(code, at); err == nil {
			countries = append(countries, m.Countries...)
		}
	}
	slices.Sort(countries)
	moves, then := []MarketMove{}, r.after(rules, at)
	for _, country := range slices.Compact(countries) {
		before, err := rules.MarketOf(country, at)
		after, ok := r.marketOf(country, then, rules, at)
		if err != nil || !ok {
			continue
		}
		i := slices.IndexFunc(moves, func(m MarketMove) bool { return m.From == before.Code && m.To == after.Code })
		if i < 0 {
			i = len(moves)
			moves = append(moves, MarketMove{From: before.Code, To: after.Code, Currency: before.Currency, Countries: []string{},
				OldMultiplier: before.Multiplier, NewMultiplier: after.Multiplier, Examples: []MoveExample{}, before: before, after: after})
		}
		if country != "" {
			moves[i].Countries = append(moves[i].Countries, country)
		}
	}
	slices.SortFunc(moves, func(a, b MarketMove) int { return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From)) })
	return moves
}

// marketOf returns the market of a country of those that there are then, once the rule is in force; ok is false where the rule
// does not change it.
func (r *StrategyRule) marketOf(country string, then []MarketRule, rules *pricing.Rules, at time.Time) (after *pricing.Market, ok bool) {
	var found *MarketRule
	for _, m := range then {
		if slices.Contains(m.Countries, country) || found == nil && len(m.Countries) == 0 {
			found = &m
		}
	}
	if found == nil {
		return nil, false
	}
	before, err := rules.MarketOf(country, at)
	changed := slices.ContainsFunc(r.Markets, func(m MarketRule) bool { return m.Code == found.Code })
	return &pricing.Market{
		Code: found.Code, Currency: found.Currency, PricesIncludeTax: found.PricesIncludeTax, Multiplier: found.Multiplier,
		FromBasePrice: found.FromBasePrice, Rounding: found.Rounding,
	}, changed || err != nil || before.Code != found.Code
}

// weigh counts a SKU into the move.
func (m *MarketMove) weigh(rules *pricing.Rules, a *pricing.PricedSKU, at time.Time) {
	ask := pricing.Ask{Market: m.before, Currency: m.Currency, At: at}
	before, err := rules.Unit(a, ask, 1)
	if err != nil {
		return
	}
	ask.Market = m.after
	after, err := rules.Unit(a, ask, 1)
	step := changeBP(before.AmountMinor, after.AmountMinor)
	switch {
	case err != nil:
		m.WithoutPrice++
		return
	case before.AmountMinor == after.AmountMinor:
		m.Unchanged++
		return
	case step > 0:
		m.Rises++
	default:
		m.Falls++
	}
	m.LargestRiseBP, m.LargestFallBP = max(m.LargestRiseBP, step), min(m.LargestFallBP, step)
	if len(m.Examples) < mostExamples {
		m.Examples = append(m.Examples, MoveExample{SKU: a.SKU, OldMinor: before.AmountMinor, NewMinor: after.AmountMinor, ChangeBP: step})
	}
}
