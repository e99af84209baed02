package pricing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/money"
)

// The tax categories of products.
const (
	TaxStandard = "standard"
	TaxReduced  = "reduced"
	TaxZero     = "zero"
)

// Market is a set of countries that see prices alike, in one version of its rules.
type Market struct {
	Code   string
	Title  string
	Period Period
	// Countries are ISO 3166-1 alpha-2 codes. The market without any is the rest of the world.
	Countries []string
	// Currency is what the market pays in unless asked otherwise.
	Currency money.Currency
	// PricesIncludeTax is the market's law, or custom: whether shown prices hold the tax.
	PricesIncludeTax bool
	// Multiplier is what converted prices are multiplied by; 1 changes nothing.
	Multiplier money.Decimal
	// FromBasePrice says that the market leaves the sellers' catalogue lists out: a price is finance's,
	// or the base price converted, in the base currency too.
	FromBasePrice bool
	// Rounding names the rule for converted prices by currency; "" is for any other. A
	// currency without a rule is rounded to its minor unit, half to even (money.Exact).
	Rounding map[money.Currency]string
	// ChangeID is the change that made the version; nil for what the shop began with.
	ChangeID *uuid.UUID
}

func (m *Market) period() Period { return m.Period }

// RoundingRule is a version of a named rounding rule.
type RoundingRule struct {
	money.Rounding
	Period   Period
	ChangeID *uuid.UUID // as Market's
}

func (r *RoundingRule) period() Period { return r.Period }

// TaxRate is a version of what a place asks for.
type TaxRate struct {
	Country  string // ISO 3166-1 alpha-2
	State    string // ISO 3166-2 without the country; empty for the country's own
	Category string
	Period   Period
	// RateMPct is in thousandths of a percent: 19000 is 19 %. Some places' rates are finer
	// than basis points (Minnesota, Missouri, Quebec), and tax must not be.
	RateMPct int64
	Source   string
	ChangeID *uuid.UUID // as Market's
}

func (t *TaxRate) period() Period { return t.Period }

// Percent returns the rate in percent.
func (t *TaxRate) Percent() money.Decimal { return money.NewDecimal(t.RateMPct, 3) }

// Kind is what a price list is for.
type Kind string

// The kinds of price lists.
const (
	Catalogue Kind = "catalogue" // the sellers' own prices, a list for each currency
	Regular   Kind = "regular"   // finance's
	Sale      Kind = "sale"      // finance's, announced as reductions
	Cost      Kind = "cost"      // what goods cost the shop: nothing is sold from it
)

// List is the head of a price list.
type List struct {
	Code     string
	Title    string
	Kind     Kind
	Currency money.Currency
	// Market and Group are whom the list is for; empty is everybody.
	Market, Group string
	// Priority decides between lists that are equally specific: the higher first.
	Priority int64
	Period   Period
	Version  int64
}

// CatalogueList returns the code of the list of sellers' prices in a currency.
func CatalogueList(c money.Currency) string { return cataloguePrefix + string(c) }

const cataloguePrefix = "catalogue-"

// Destination is where the goods go: what decides the tax and, unless asked otherwise, the market.
type Destination struct {
	// Country is an ISO 3166-1 alpha-2 code in upper case.
	Country string
	// State is an ISO 3166-2 code or its suffix: CA-ON or ON for Ontario, in any case. It is
	// optional: without it, or where it has no rate of its own (a name written out has none),
	// the country's rate counts.
	State string
}

// StateCode returns the bare code of the destination's state, in upper case; empty for none.
func (d Destination) StateCode() string {
	return strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(d.State)), d.Country+"-")
}

// UnknownMarketError is returned for a market that is not in force.
type UnknownMarketError struct {
	Code  string
	Known []string
}

func (e *UnknownMarketError) Error() string {
	return fmt.Sprintf("unknown market %q: use one of %s", e.Code, strings.Join(e.Known, ", "))
}

// Market returns the market with this code at a moment. It fails with *UnknownMarketError.
func (r *Rules) Market(code string, at time.Time) (*Market, error) {
	if m, ok := inForce(r.markets[code], at); ok {
		return m, nil
	}
	return nil, &UnknownMarketError{Code: code, Known: r.marketCodes(at)}
}

// MarketOf returns the market that a country is in at a moment: the one that names it, else the
// one that names none. It fails with *UnknownMarketError where there is neither.
func (r *Rules) MarketOf(country string, at time.Time) (*Market, error) {
	var rest *Market
	for _, code := range r.codes {
		m, ok := inForce(r.markets[code], at)
		switch {
		case !ok:
		case slices.Contains(m.Countries, country):
			return m, nil
		case len(m.Countries) == 0 && rest == nil:
			rest = m
		}
	}
	if rest == nil {
		return nil, &UnknownMarketError{Code: "of " + country, Known: r.marketCodes(at)}
	}
	return rest, nil
}

func (r *Rules) marketCodes(at time.Time) []string {
	var known []string
	for _, code := range r.codes {
		if _, ok := inForce(r.markets[code], at); ok {
			known = append(known, code)
		}
	}
	return known
}

// Markets returns the versions of all markets, by code and time.
func (r *Rules) Markets() []Market {
	var all []Market
	for _, code := range r.codes {
		for _, m := range r.markets[code] {
			all = append(all, *m)
		}
	}
	return all
}

// rounding returns the market's rule for a currency.
func (r *Rules) rounding(m *Market, c money.Currency, at time.Time) (*RoundingRule, error) {
	name, ok := m.Rounding[c]
	if !ok {
		name = m.Rounding[""]
	}
	if name == "" {
		return &exact, nil
	}
	rule, ok := inForce(r.roundings[name], at)
	if !ok {
		return nil, fmt.Errorf("market %s rounds %s by the rule %q, which is not in force", m.Code, c, name)
	}
	return rule, nil
}

// Rounding returns the rule of that name in force at a moment.
func (r *Rules) Rounding(name string, at time.Time) (*RoundingRule, bool) {
	return inForce(r.roundings[name], at)
}

// HasRounding reports whether there is a rule of that name.
func (r *Rules) HasRounding(name string, at time.Time) bool {
	_, ok := r.Rounding(name, at)
	return ok
}

// Tax returns the rate in force at a moment of the very place that is named; nil for none.
func (r *Rules) Tax(dest Destination, category string, at time.Time) *TaxRate {
	rate, _ := inForce(r.taxes[place{dest.Country, dest.StateCode(), category}], at)
	return rate
}

var exact = RoundingRule{Rounding: money.Exact}

// tax returns the rate of a category at a destination: the state's where it has one, else the
// country's. A country that the table does not know taxes nothing: nil.
func (r *Rules) tax(dest Destination, category string, at time.Time) (*TaxRate, error) {
	if category == TaxZero {
		return nil, nil
	}
	if category != TaxStandard && category != TaxReduced {
		return nil, fmt.Errorf("tax category %q: use %s, %s or %s", category, TaxStandard, TaxReduced, TaxZero)
	}
	if state := dest.StateCode(); state != "" {
		if rate, ok := inForce(r.taxes[place{dest.Country, state, category}], at); ok {
			return rate, nil
		}
	}
	rate, _ := inForce(r.taxes[place{dest.Country, "", category}], at)
	return rate, nil
}

// place is what a tax is asked for: of a country, or one part of it, in a category.
type place struct{ country, state, category string }
