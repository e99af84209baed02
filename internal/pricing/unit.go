package pricing

import (
	"errors"
	"fmt"
	"time"

	"meridian/internal/fx"
	"meridian/internal/money"
)

// Ask is for whom, when and in what a price is asked for.
type Ask struct {
	Market   *Market
	Currency money.Currency
	// Group is the customer's group; empty for everybody else.
	Group string
	At    time.Time
}

// NoPriceError is returned for a SKU that costs nothing that could be said: it has no
// price in the currency, and none that could be converted.
type NoPriceError struct {
	SKU      string
	Currency money.Currency
	// Why is the error for which there is no conversion: *fx.NoRateError where a rate is missing.
	Why error
}

func (e *NoPriceError) Error() string {
	return fmt.Sprintf("%s has no price in %s: %s", e.SKU, e.Currency, e.Why)
}

func (e *NoPriceError) Unwrap() error { return e.Why }

// MissingRate returns the currency without an exchange rate, where that is why; else ok is false.
func (e *NoPriceError) MissingRate() (c money.Currency, ok bool) {
	var none *fx.NoRateError
	if errors.As(e.Why, &none) {
		return none.Currency, true
	}
	return "", false
}

var errNoBase = errors.New("it has no base price in force at that moment")

// Unit is what one unit costs, and why.
type Unit struct {
	AmountMinor int64
	// Entry and List are the list price that decided; nil where the base price was converted.
	Entry *Entry
	List  *List
	// The conversion: the base price, the rates of its currency and of the asked one, and the
	// rule that rounded; nil where a list price decided.
	Base     *Entry
	BaseList *List
	Rates    [2]fx.Rate
	Rounding *RoundingRule
	// Regular is what the unit would cost without the sale, where a sale list decided.
	Regular *Unit
}

// Converted reports whether the price is the base price at the day's rate.
func (u Unit) Converted() bool { return u.Base != nil }

// Unit prices one of quantity units of a SKU: by the most specific price list that is
// in force, else by converting the base price. A sale counts where it is less than that.
// It fails with *NoPriceError.
//
// Of several lists that name the SKU, one for the customer's group comes before one for
// everybody, then one for the market before one for all, finance's before the sellers',
// the higher priority before the lower, and the first by code. Within a list the largest
// minimum quantity counts that the order reaches. In a market with FromBasePrice the sellers'
// lists do not count.
func (r *Rules) Unit(a *PricedSKU, ask Ask, quantity int64) (Unit, error) {
	regular, sale := r.entries(a, ask, quantity)
	unit, err := r.regular(a, ask, quantity, regular)
	if sale.entry == nil || err == nil && unit.AmountMinor <= sale.entry.AmountMinor {
		return unit, err
	}
	reduced := Unit{AmountMinor: sale.entry.AmountMinor, Entry: sale.entry, List: sale.list}
	if err == nil {
		without := unit // of its own, so that only sales pay for the memory
		reduced.Regular = &without
	}
	return reduced, nil
}

// choice is an entry with the head of its list.
type choice struct {
	entry *Entry
	list  *List
}

// entries returns the entries that decide: of the lists for good, and of the sales.
func (r *Rules) entries(a *PricedSKU, ask Ask, quantity int64) (regular, sale choice) {
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.MinQuantity > quantity || !e.Period.Has(ask.At) {
			continue
		}
		l := r.lists[e.List]
		if l == nil || l.Kind == Cost || l.Currency != ask.Currency || !l.Period.Has(ask.At) ||
			(l.Market != "" && l.Market != ask.Market.Code) || (l.Group != "" && l.Group != ask.Group) ||
			(l.Kind == Catalogue && ask.Market.FromBasePrice) {
			continue
		}
		best := &regular
		if l.Kind == Sale {
			best = &sale
		}
		if best.entry == nil || before(choice{e, l}, *best) {
			*best = choice{e, l}
		}
	}
	return regular, sale
}

// before reports whether list a decides before list b.
func before(a, b choice) bool {
	switch {
	case a.list == b.list:
		return a.entry.MinQuantity > b.entry.MinQuantity
	case (a.list.Group != "") != (b.list.Group != ""):
		return a.list.Group != ""
	case (a.list.Market != "") != (b.list.Market != ""):
		return a.list.Market != ""
	case (a.list.Kind == Catalogue) != (b.list.Kind == Catalogue):
		return b.list.Kind == Catalogue
	case a.list.Priority != b.list.Priority:
		return a.list.Priority > b.list.Priority
	}
	return a.list.Code < b.list.Code
}

// regular returns the price without sales.
func (r *Rules) regular(a *PricedSKU, ask Ask, quantity int64, listed choice) (Unit, error) {
	if listed.entry != nil {
		return Unit{AmountMinor: listed.entry.AmountMinor, Entry: listed.entry, List: listed.list}, nil
	}
	unit, err := r.convert(a, ask)
	if err != nil {
		return Unit{}, &NoPriceError{SKU: a.SKU, Currency: ask.Currency, Why: err}
	}
	return unit, nil
}

// convert returns the base price in another currency: at the rates in force, times the market's
// multiplier, rounded once, by the market's rule.
func (r *Rules) convert(a *PricedSKU, ask Ask) (Unit, error) {
	base := r.base(a, ask.At)
	if base.entry == nil {
		return Unit{}, errNoBase
	}
	from, err := r.Rates.At(base.list.Currency, ask.At)
	if err != nil {
		return Unit{}, err
	}
	to, err := r.Rates.At(ask.Currency, ask.At)
	if err != nil {
		return Unit{}, err
	}
	rule, err := r.rounding(ask.Market, ask.Currency, ask.At)
	if err != nil {
		return Unit{}, err
	}
	ratio, err := r.ratios.of(conversion{base.list.Currency, from.Rate, ask.Currency, to.Rate, ask.Market.Multiplier})
	if err != nil {
		return Unit{}, err
	}
	amount, err := rule.Apply(ratio, base.entry.AmountMinor)
	if err != nil {
		return Unit{}, err
	}
	return Unit{AmountMinor: amount, Base: base.entry, BaseList: base.list, Rates: [2]fx.Rate{from, to}, Rounding: rule}, nil
}

// base returns the catalogue price of one unit in the SKU's base currency.
func (r *Rules) base(a *PricedSKU, at time.Time) choice {
	if a.BaseCurrency == "" {
		return choice{}
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.MinQuantity > 1 || !e.Period.Has(at) {
			continue
		}
		if l := r.lists[e.List]; l != nil && l.Kind == Catalogue && l.Currency == a.BaseCurrency && l.Period.Has(at) {
			return choice{e, l}
		}
	}
	return choice{}
}

// Convert returns an amount in another currency at the rates of a moment, rounded half to even.
// It fails with *fx.NoRateError or money.ErrOverflow.
func (r *Rules) Convert(a money.Amount, to money.Currency, at time.Time) (money.Amount, error) {
	fromRate, err := r.Rates.At(a.Currency, at)
	if err != nil {
		return money.Amount{}, err
	}
	toRate, err := r.Rates.At(to, at)
	if err != nil {
		return money.Amount{}, err
	}
	ratio, err := r.ratios.of(conversion{a.Currency, fromRate.Rate, to, toRate.Rate, one})
	if err != nil {
		return money.Amount{}, err
	}
	minor, err := money.Exact.Convert(ratio, a.Minor)
	return money.New(minor, to), err
}
