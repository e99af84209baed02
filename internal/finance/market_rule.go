package finance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// MarketRule is a version of a market.
type MarketRule struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	// Countries are ISO 3166-1 codes. The market without any is the rest of the world.
	Countries        []string       `json:"countries"`
	Currency         money.Currency `json:"currency"`
	PricesIncludeTax bool           `json:"prices_include_tax"`
	// Multiplier is what converted prices are multiplied by.
	Multiplier money.Decimal `json:"multiplier"`
	// FromBasePrice leaves the sellers' lists out: every price is finance's, or converted.
	FromBasePrice bool `json:"from_base_price"`
	// Rounding names the rounding rule of converted prices by currency; "" is for any other.
	Rounding map[money.Currency]string `json:"rounding"`
}

// newMarketRule returns a market's version as finance writes it.
func newMarketRule(m *pricing.Market) MarketRule {
	return MarketRule{m.Code, m.Title, m.Countries, m.Currency, m.PricesIncludeTax, m.Multiplier, m.FromBasePrice, m.Rounding}
}

func (m *MarketRule) kind() string    { return KindMarket }
func (m *MarketRule) subject() string { return m.Code }

var (
	leastMultiplier = money.NewDecimal(1, 2)
	mostMultiplier  = money.NewDecimal(100, 0)
	// mostMultiplierDecimals leaves room for the product with two exchange rates (money.Conversion).
	mostMultiplierDecimals = 4

	countryText = regexp.MustCompile(`^[A-Z]{2}$`)
)

func (m *MarketRule) check(f *invalid.List, rules *pricing.Rules, at time.Time) {
	m.checkAmong(f, rules, marketsBut(rules, at, m.Code), at)
}

// checkAmong is check, given the other markets from that instant on.
func (m *MarketRule) checkAmong(f *invalid.List, rules *pricing.Rules, others []MarketRule, at time.Time) {
	if !codeText.MatchString(m.Code) {
		f.Add("code", "must be 1 to 63 of a-z, 0-9 and -, such as nordics")
	}
	m.Title = f.Line("title", m.Title, 1, 200)
	if m.Countries == nil {
		m.Countries = []string{}
	}
	if m.Rounding == nil {
		m.Rounding = map[money.Currency]string{}
	}
	if _, err := money.ParseCurrency(string(m.Currency)); err != nil {
		f.Add("currency", "must be an ISO 4217 code, such as EUR")
	}
	if m.Multiplier.Cmp(leastMultiplier) < 0 || m.Multiplier.Cmp(mostMultiplier) > 0 || !m.Multiplier.Exact(mostMultiplierDecimals) {
		f.Add("multiplier", "must be a decimal from %s to %s with at most %d decimals; 1 changes nothing",
			leastMultiplier, mostMultiplier, mostMultiplierDecimals)
	}
	m.checkRounding(f, rules, at)
	m.checkCountries(f, others)
}

func (m *MarketRule) checkRounding(f *invalid.List, rules *pricing.Rules, at time.Time) {
	if len(m.Rounding) > 200 { // ISO 4217 has fewer
		f.Add("rounding", "must have at most 200 currencies")
		return
	}
	for _, currency := range slices.Sorted(maps.Keys(m.Rounding)) {
		if _, err := money.ParseCurrency(string(currency)); err != nil && currency != "" {
			f.Add("rounding", "must name currencies by their ISO 4217 code, such as EUR, or \"\" for any other")
		}
		if name := m.Rounding[currency]; !rules.HasRounding(name, at) {
			f.Add("rounding."+string(currency), "must be a rounding rule that is in force by then: make it first")
		}
	}
}

// marketsBut returns the markets that are in force from an instant on, or later, but those with these codes.
func marketsBut(rules *pricing.Rules, at time.Time, codes ...string) []MarketRule {
	var others []MarketRule
	for _, other := range rules.Markets() {
		if ends := other.Period.To; !slices.Contains(codes, other.Code) && (ends.IsZero() || ends.After(at)) {
			others = append(others, newMarketRule(&other))
		}
	}
	return others
}

// checkCountries wants countries that no other market has from then on, and one market alone
// that has none.
func (m *MarketRule) checkCountries(f *invalid.List, others []MarketRule) {
	if len(m.Countries) > 250 { // ISO 3166 has fewer
		f.Add("countries", "must be at most 250")
		return
	}
	for i, country := range m.Countries {
		field := fmt.Sprintf("countries[%d]", i)
		if !countryText.MatchString(country) {
			f.Add(field, "must be an ISO 3166-1 code in upper case, such as IE")
		} else if slices.Contains(m.Countries[:i], country) {
			f.Add(field, "must be given once")
		}
	}
	for _, other := range others {
		if len(m.Countries) == 0 && len(other.Countries) == 0 {
			f.Add("countries", "must name some: the rest of the world is the market %s", other.Code)
		}
		for i, country := range m.Countries {
			if slices.Contains(other.Countries, country) {
				f.Add(fmt.Sprintf("countries[%d]", i), "must be taken out of the market %s first", other.Code)
			}
		}
	}
}

// old needs two people for whatever changes the prices of a country by more than the limit, or
// by nobody knows how much.
func (m *MarketRule) old(rules *pricing.Rules, at time.Time, limit ApproveAbove) (any, bool) {
	before, err := rules.Market(m.Code, at)
	if err != nil {
		return nil, true // its countries were in the rest of the world
	}
	step := changeBP(before.Multiplier.Scaled(mostMultiplierDecimals), m.Multiplier.Scaled(mostMultiplierDecimals))
	return newMarketRule(before), max(step, -step) > limit.ChangeBP ||
		before.PricesIncludeTax != m.PricesIncludeTax || before.FromBasePrice != m.FromBasePrice || !maps.Equal(before.Rounding, m.Rounding) ||
		!slices.Equal(slices.Sorted(slices.Values(before.Countries)), slices.Sorted(slices.Values(m.Countries)))
}

func (m *MarketRule) queue(b *database.Batch, from time.Time, change uuid.UUID) error {
	return pricing.QueuePutMarket(b, pricing.Market{
		Code: m.Code, Title: m.Title, Period: pricing.Period{From: from}, Countries: m.Countries, Currency: m.Currency,
		PricesIncludeTax: m.PricesIncludeTax, Multiplier: m.Multiplier, FromBasePrice: m.FromBasePrice, Rounding: m.Rounding,
	}, change)
}
