package finance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// A Strategy is a set of rules of markets that comes with the shop, under a code. SetStrategy puts all of it in force at
// one instant, and another strategy takes its place.
type Strategy struct {
	Code, Title string
	// Markets are what it says of each; those that it does not name stay as they are.
	Markets []StrategyMarket
	// Ends are the markets that it does without: their countries are in others, or in the rest of the world.
	Ends []string
}

// StrategyMarket is what a strategy says of one market. A market in force keeps its title, countries, currency, tax and
// rounding; one that is not begins with these.
type StrategyMarket struct {
	Code          string
	Multiplier    money.Decimal
	FromBasePrice bool
	Title         string
	Countries     []string
	Currency      money.Currency // its prices include tax
}

// Strategies returns those that come with the shop: standard, with which it begins, and regional.
func Strategies() []Strategy {
	same, asia, latin := money.NewDecimal(1, 0), money.NewDecimal(9, 1), money.NewDecimal(8, 1)
	standard := Strategy{Code: "standard", Title: "Sellers' prices as they are", Ends: []string{"apac", "latam"}}
	for _, code := range []string{"au", "ca", "ch", "eu", "jp", "sg", "uk", "us", "world"} {
		standard.Markets = append(standard.Markets, StrategyMarket{Code: code, Multiplier: same})
	}
	standard.Markets = append(standard.Markets, StrategyMarket{Code: "mx", Multiplier: same, Title: "Mexico",
		Countries: []string{"MX"}, Currency: "MXN"})
	return []Strategy{standard, {
		Code: "regional", Title: "By region, from the base price", Ends: []string{"mx"}, Markets: []StrategyMarket{
			{Code: "us", Multiplier: same, FromBasePrice: true},
			{Code: "eu", Multiplier: money.NewDecimal(12, 1), FromBasePrice: true},
			{Code: "au", Multiplier: asia, FromBasePrice: true},
			{Code: "jp", Multiplier: asia, FromBasePrice: true},
			{Code: "sg", Multiplier: asia, FromBasePrice: true},
			{Code: "apac", Multiplier: asia, FromBasePrice: true, Title: "Asia-Pacific", Currency: "USD", Countries: []string{
				"BD", "BN", "BT", "CN", "FJ", "FM", "HK", "ID", "IN", "KH", "KI", "KR", "LA", "LK", "MH", "MM", "MN", "MO", "MV", "MY",
				"NP", "NR", "NZ", "PG", "PH", "PK", "PW", "SB", "TH", "TL", "TO", "TV", "TW", "VN", "VU", "WS"}},
			// The European Central Bank has no rates of the peso of Argentina, Chile and Colombia, nor of the sol.
			{Code: "latam", Multiplier: latin, FromBasePrice: true, Title: "Latin America", Currency: "USD",
				Countries: []string{"AR", "BR", "CL", "CO", "MX", "PE"}},
		},
	}}
}

// FoundStrategy is a strategy, and whether the markets are now as it says.
type FoundStrategy struct {
	Strategy
	InForce bool
}

// Strategies returns the strategies that come with the shop. One round trip.
func (f *Finance) Strategies(ctx context.Context) ([]FoundStrategy, error) {
	rules, err := f.rules(ctx)
	if err != nil {
		return nil, err
	}
	var found []FoundStrategy
	for _, s := range Strategies() {
		r := StrategyRule{Code: s.Code, wanted: &s}
		r.resolve(rules, f.moment())
		found = append(found, FoundStrategy{s, r.changesNothing()})
	}
	return found, nil
}

// findStrategy returns the strategy of that code, or ErrNotFound.
func findStrategy(code string) (Strategy, error) {
	all := Strategies()
	i := slices.IndexFunc(all, func(s Strategy) bool { return s.Code == code })
	if i < 0 {
		return Strategy{}, ErrNotFound
	}
	return all[i], nil
}

// StrategyRule is what a strategy changes: the new versions of markets, and the markets that end.
type StrategyRule struct {
	Code    string       `json:"code"`
	Markets []MarketRule `json:"markets"`
	Ends    []string     `json:"ends"`
	// wanted is the strategy until check has worked out what it changes.
	wanted *Strategy
}

func (r *StrategyRule) kind() string    { return KindStrategy }
func (r *StrategyRule) subject() string { return r.Code }

// resolve works out what the strategy changes in the markets of a moment.
func (r *StrategyRule) resolve(rules *pricing.Rules, at time.Time) {
	s := r.wanted
	r.Markets, r.Ends, r.wanted = []MarketRule{}, []string{}, nil
	for _, m := range s.Markets {
		after := MarketRule{Code: m.Code, Title: m.Title, Countries: m.Countries, Currency: m.Currency, PricesIncludeTax: true,
			Rounding: map[money.Currency]string{}}
		if before, err := rules.Market(m.Code, at); err == nil {
			if before.FromBasePrice == m.FromBasePrice && before.Multiplier.Cmp(m.Multiplier) == 0 {
				continue
			}
			after = newMarketRule(before)
		}
		after.Multiplier, after.FromBasePrice = m.Multiplier, m.FromBasePrice
		r.Markets = append(r.Markets, after)
	}
	for _, code := range s.Ends {
		if _, err := rules.Market(code, at); err == nil {
			r.Ends = append(r.Ends, code)
		}
	}
}

func (r *StrategyRule) changesNothing() bool { return len(r.Markets) == 0 && len(r.Ends) == 0 }

func (r *StrategyRule) check(f *invalid.List, rules *pricing.Rules, at time.Time) {
	if r.wanted != nil {
		r.resolve(rules, at)
	}
	after := r.after(rules, at)
	for i := range r.Markets {
		m := &r.Markets[i]
		var faults invalid.List
		m.checkAmong(&faults, rules, slices.DeleteFunc(slices.Clone(after), func(o MarketRule) bool { return o.Code == m.Code }), at)
		f.AddAll("markets."+m.Code, faults.Err(""))
	}
	for _, code := range r.Ends {
		for _, list := range rules.ListsFor(code, at) {
			f.Add("ends."+code, "must have no price list of its own: end %s first", list)
		}
	}
}

// after returns the markets once the rule is in force.
func (r *StrategyRule) after(rules *pricing.Rules, at time.Time) []MarketRule {
	changed := slices.Clone(r.Ends)
	for _, m := range r.Markets {
		changed = append(changed, m.Code)
	}
	return append(marketsBut(rules, at, changed...), r.Markets...)
}

// old needs two people where any of the markets does, or one ends.
func (r *StrategyRule) old(rules *pricing.Rules, at time.Time, limit ApproveAbove) (any, bool) {
	needsTwo := len(r.Ends) > 0
	before := []any{}
	for i := range r.Markets {
		old, two := r.Markets[i].old(rules, at, limit)
		needsTwo = needsTwo || two
		if old != nil {
			before = append(before, old)
		}
	}
	for _, code := range r.Ends {
		if m, err := rules.Market(code, at); err == nil {
			before = append(before, newMarketRule(m))
		}
	}
	return map[string]any{"markets": before}, needsTwo
}

func (r *StrategyRule) queue(b *database.Batch, from time.Time, change uuid.UUID) error {
	for _, code := range r.Ends {
		pricing.QueueEndMarket(b, code, from)
	}
	for i := range r.Markets {
		if err := r.Markets[i].queue(b, from, change); err != nil {
			return err
		}
	}
	return nil
}

// alike returns the kinds and subjects of the changes after which a rule is no longer what its second person saw.
func alike(r rule) (kinds, subjects []string) {
	add := func(kind, subject string) { kinds, subjects = append(kinds, kind), append(subjects, subject) }
	add(r.kind(), r.subject())
	switch r := r.(type) {
	case *MarketRule:
		for _, s := range Strategies() {
			add(KindStrategy, s.Code)
		}
	case *StrategyRule:
		for _, s := range Strategies() {
			add(KindStrategy, s.Code)
		}
		for _, m := range r.Markets {
			add(KindMarket, m.Code)
		}
		for _, code := range r.Ends {
			add(KindMarket, code)
		}
	}
	return kinds, subjects
}

// StrategyInput is a strategy that is to be put in force.
type StrategyInput struct {
	By
	Code string
	// From is when, zero as soon as may be.
	From time.Time
	// DryRun tells the effect and changes nothing.
	DryRun bool
}

// StrategyProposal is what became of a strategy.
type StrategyProposal struct {
	Effect StrategyEffect
	// NeedsApproval says that a second person has, or in a dry run would have, to approve it.
	NeedsApproval bool
	// Change is the audit's entry; its ID is zero in a dry run, and where the strategy is in force already.
	Change Change
}

// SetStrategy puts a strategy in force, or says what that would do: all its markets change at one instant, under one
// change of the audit, whose effect it carries. It waits for Approve unless it is a small step. Six round trips, and one
// more for each few thousand SKUs.
//
// Errors: ErrNotFound, and those of SetRule.
func (f *Finance) SetStrategy(ctx context.Context, in StrategyInput) (StrategyProposal, error) {
	s, err := findStrategy(in.Code)
	if err != nil {
		return StrategyProposal{}, err
	}
	rules, err := f.rules(ctx)
	if err != nil {
		return StrategyProposal{}, err
	}
	from, soon := database.Moment(in.From), f.soon()
	at := database.Later(from, soon)
	r := &StrategyRule{Code: s.Code, wanted: &s}
	var faults invalid.List
	if !from.IsZero() && from.Before(soon) {
		faults.Add("valid_from", "%s", tooEarly(soon))
	}
	r.check(&faults, rules, at)
	if err := faults.Err(r.kind()); err != nil {
		return StrategyProposal{}, err
	}
	var p StrategyProposal
	if p.Effect, err = f.strategyEffect(ctx, rules, r, at); err != nil {
		return StrategyProposal{}, err
	}
	if r.changesNothing() {
		return p, nil
	}
	if in.DryRun {
		_, needsTwo := r.old(rules, at, f.ApproveAbove)
		p.NeedsApproval = needsTwo || f.ApproveAbove.everything()
		return p, nil
	}
	effect, err := json.Marshal(p.Effect)
	if err != nil {
		return StrategyProposal{}, fmt.Errorf("encode effect: %w", err)
	}
	p.Change, err = f.setRule(ctx, &StrategyRule{Code: s.Code, wanted: &s}, in.From, in.By, effect)
	p.NeedsApproval = p.Change.NeedsApproval
	return p, err
}
