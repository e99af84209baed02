package pricing

import (
	"errors"
	"fmt"
	"time"

	"meridian/internal/fx"
	"meridian/internal/money"
)

// Derivation is why a line costs what it costs: enough to work it out again without any
// table (Check). It is what an order line stores and what price answers show.
type Derivation struct {
	// At is the moment whose prices and rules these are.
	At       time.Time      `json:"as_of"`
	Market   string         `json:"market"`
	Group    string         `json:"customer_group,omitempty"`
	Currency money.Currency `json:"currency"`
	Quantity int64          `json:"quantity"`

	UnitPriceMinor int64      `json:"unit_price_minor"`
	Price          PriceSteps `json:"price"`

	SubtotalMinor int64           `json:"subtotal_minor"`
	Promotions    []PromotionStep `json:"promotions,omitempty"`
	DiscountMinor int64           `json:"discount_minor"`
	Tax           TaxStep         `json:"tax"`
	TaxMinor      int64           `json:"tax_minor"`
	TotalMinor    int64           `json:"total_minor"`
}

// PriceSteps is how a unit's price came about: from a list, or by conversion.
type PriceSteps struct {
	Source     string          `json:"source"` // "list", "sale" or "converted"
	List       *ListStep       `json:"list,omitempty"`
	Conversion *ConversionStep `json:"conversion,omitempty"`
	// Of a sale: the price without it, and the lowest of the 30 days before it.
	RegularMinor *int64      `json:"regular_minor,omitempty"`
	Regular      *PriceSteps `json:"regular,omitempty"`
	LowestMinor  *int64      `json:"lowest_30_days_minor,omitempty"`
}

// ListStep is an entry of a price list.
type ListStep struct {
	List        string         `json:"list"`
	Currency    money.Currency `json:"currency"`
	MinQuantity int64          `json:"min_quantity"`
	AmountMinor int64          `json:"amount_minor"`
	ValidFrom   time.Time      `json:"valid_from"`
}

// ConversionStep is base × to / from × multiplier, rounded by the rule.
type ConversionStep struct {
	Base       ListStep      `json:"base"`
	From       RateStep      `json:"from"`
	To         RateStep      `json:"to"`
	Multiplier money.Decimal `json:"multiplier"`
	Rounding   RoundingStep  `json:"rounding"`
}

// RateStep is an exchange rate: units of the currency for one euro.
type RateStep struct {
	Currency money.Currency `json:"currency"`
	Rate     money.Decimal  `json:"rate"`
	Day      string         `json:"day"`
	Source   string         `json:"source"`
	Stale    bool           `json:"stale,omitempty"`
}

// RoundingStep is the rule that rounded (money.Rounding).
type RoundingStep struct {
	Name         string     `json:"name"`
	ModulusMinor int64      `json:"modulus_minor"`
	EndingMinor  int64      `json:"ending_minor"`
	Mode         money.Mode `json:"mode"`
}

// PromotionStep is what one promotion took off the line.
type PromotionStep struct {
	Promotion string `json:"promotion"`
	Coupon    string `json:"coupon,omitempty"`
	Minor     int64  `json:"discount_minor"`
}

// TaxStep is the tax of the line. RateMPct is in thousandths of a percent.
type TaxStep struct {
	Included bool   `json:"included"`
	Country  string `json:"country,omitempty"`
	State    string `json:"state,omitempty"`
	Category string `json:"category,omitempty"`
	RateMPct int64  `json:"rate_mpct"`
	Source   string `json:"source,omitempty"`
}

// Derivation returns why line i costs what it does. Rates older than maxAge are marked as stale.
func (q *Quote) Derivation(i int, maxAge time.Duration) Derivation {
	l := &q.Lines[i]
	d := Derivation{
		At: q.Ask.At, Market: q.Ask.Market.Code, Group: q.Ask.Group, Currency: q.Currency, Quantity: l.Quantity,
		UnitPriceMinor: l.UnitPriceMinor, Price: l.unit.Steps(q.Ask, maxAge),
		SubtotalMinor: l.SubtotalMinor, DiscountMinor: l.DiscountMinor, TaxMinor: l.TaxMinor, TotalMinor: l.TotalMinor,
		Tax: TaxStep{Included: q.PricesIncludeTax},
	}
	d.Price.LowestMinor = l.LowestMinor
	d.Promotions = l.Promotions()
	if t := l.tax; t != nil {
		d.Tax.Country, d.Tax.State, d.Tax.Category, d.Tax.RateMPct, d.Tax.Source = t.Country, t.State, t.Category, t.RateMPct, t.Source
	}
	return d
}

// Steps returns how the unit's price came about. Rates older than maxAge are marked as stale.
func (u Unit) Steps(ask Ask, maxAge time.Duration) PriceSteps {
	switch {
	case u.Converted():
		return PriceSteps{Source: "converted", Conversion: &ConversionStep{
			Base: listStep(u.Base, u.BaseList), Multiplier: ask.Market.Multiplier,
			From: rateStep(u.Rates[0], ask.At, maxAge), To: rateStep(u.Rates[1], ask.At, maxAge),
			Rounding: RoundingStep{u.Rounding.Name, u.Rounding.Modulus, u.Rounding.Ending, u.Rounding.Mode},
		}}
	case u.List.Kind == Sale:
		list := listStep(u.Entry, u.List)
		steps := PriceSteps{Source: "sale", List: &list}
		if u.Regular != nil {
			regular, amount := u.Regular.Steps(ask, maxAge), u.Regular.AmountMinor
			steps.Regular, steps.RegularMinor = &regular, &amount
		}
		return steps
	}
	list := listStep(u.Entry, u.List)
	return PriceSteps{Source: "list", List: &list}
}

func listStep(e *Entry, l *List) ListStep {
	return ListStep{List: l.Code, Currency: l.Currency, MinQuantity: e.MinQuantity, AmountMinor: e.AmountMinor, ValidFrom: e.Period.From}
}

func rateStep(r fx.Rate, at time.Time, maxAge time.Duration) RateStep {
	return RateStep{Currency: r.Currency, Rate: r.Rate, Day: r.Day, Source: r.Source, Stale: r.Stale(at, maxAge)}
}

// ErrNotDerived is returned by Check for amounts that do not follow from their derivation.
var ErrNotDerived = errors.New("the amounts do not follow from the derivation")

// Check works the line out again from nothing but the derivation. It fails with
// ErrNotDerived where anything comes out otherwise.
func (d Derivation) Check() error {
	unit, err := d.Price.amount()
	if err == nil {
		err = d.Price.checkRegular()
	}
	if err != nil {
		return err
	}
	subtotal, err := money.Times(unit, d.Quantity)
	if err != nil {
		return err
	}
	var discount int64
	for _, p := range d.Promotions {
		discount += p.Minor
	}
	rate := &TaxRate{RateMPct: d.Tax.RateMPct}
	total := subtotal - discount
	tax, err := rate.within(total)
	if !d.Tax.Included {
		tax, err = rate.on(total)
		total += tax
	}
	if err != nil {
		return err
	}
	got := [...]int64{unit, subtotal, discount, tax, total}
	if want := [...]int64{d.UnitPriceMinor, d.SubtotalMinor, d.DiscountMinor, d.TaxMinor, d.TotalMinor}; got != want {
		return fmt.Errorf("%w: unit, subtotal, discount, tax, total come out as %v, not %v", ErrNotDerived, got, want)
	}
	return nil
}

// checkRegular works out the price without the sale, where one is told.
func (s PriceSteps) checkRegular() error {
	if s.Regular == nil && s.RegularMinor == nil {
		return nil
	}
	if s.Regular == nil || s.RegularMinor == nil {
		return fmt.Errorf("%w: the price without the sale is told by half", ErrNotDerived)
	}
	regular, err := s.Regular.amount()
	if err == nil && regular != *s.RegularMinor {
		return fmt.Errorf("%w: without the sale it comes out as %d, not %d", ErrNotDerived, regular, *s.RegularMinor)
	}
	return err
}

// amount returns the unit's price by its steps.
func (s PriceSteps) amount() (int64, error) {
	switch {
	case s.Conversion != nil:
		c := s.Conversion
		ratio, err := money.Conversion(c.From.Currency, c.From.Rate, c.To.Currency, c.To.Rate, c.Multiplier)
		if err != nil {
			return 0, err
		}
		rule := money.Rounding{Name: c.Rounding.Name, Modulus: c.Rounding.ModulusMinor, Ending: c.Rounding.EndingMinor, Mode: c.Rounding.Mode}
		return rule.Apply(ratio, c.Base.AmountMinor)
	case s.List != nil:
		return s.List.AmountMinor, nil
	}
	return 0, fmt.Errorf("%w: it has no price", ErrNotDerived)
}
