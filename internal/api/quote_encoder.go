package api

import (
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"meridian/internal/pricing"
	"meridian/internal/promotion"
)

// A quoteEncoder writes the answer with the quotes. It is written by hand: an answer has thousands of lines, and what
// pricing one of them costs is less than what encoding it by reflection would. What the derivations of a quote's lines
// share (price lists, exchange rates, rounding rules, taxes, promotions) stands once in the quote, and the lines name it
// by its place there.
type quoteEncoder struct {
	b          []byte
	maxRateAge time.Duration
	begun      bool // there is a quote before the next

	items    []pricing.Item
	unpriced []*pricing.NoPriceError

	// What the lines of the quote that is being written refer to.
	lists     []*pricing.List
	rates     []rateOf
	roundings []*pricing.RoundingRule
	taxes     []*pricing.TaxRate
}

// rateOf is an exchange rate by which a unit was converted: the first or the second.
type rateOf struct {
	unit *pricing.Unit
	side int
}

var quoteEncoders = sync.Pool{New: func() any { return new(quoteEncoder) }}

// maxKeptAnswer bounds the memory of an encoder that is kept for the next answer, in bytes.
const maxKeptAnswer = 4 << 20

// release lets the next answer have the encoder.
func (e *quoteEncoder) release() {
	if cap(e.b) > maxKeptAnswer {
		return
	}
	// What was priced need not stay in memory.
	clear(e.items[:cap(e.items)])
	clear(e.rates[:cap(e.rates)])
	e.unpriced = nil
	quoteEncoders.Put(e)
}

func (e *quoteEncoder) begin(maxRateAge time.Duration) {
	e.b, e.maxRateAge, e.begun = append(e.b[:0], `{"quotes":[`...), maxRateAge, false
}

func (e *quoteEncoder) end() { e.b = append(e.b, "]}"...) }

// quote writes a quote; id is empty where checkout will not honour it.
func (e *quoteEncoder) quote(q *pricing.Quote, id string, expires time.Time) {
	if e.begun {
		e.b = append(e.b, ',')
	}
	e.begun = true
	e.lists, e.rates, e.roundings, e.taxes = e.lists[:0], e.rates[:0], e.roundings[:0], e.taxes[:0]
	e.text(`{"currency":`, string(q.Currency))
	e.text(`,"market":`, q.Ask.Market.Code)
	e.optional(`,"market_currency":`, string(marketCurrency(q.Ask)))
	e.text(`,"country":`, q.Dest.Country)
	e.optional(`,"state":`, q.Dest.StateCode())
	e.optional(`,"customer_group":`, q.Ask.Group)
	e.moment(`,"as_of":`, q.Ask.At)
	if id != "" {
		e.text(`,"quote_id":`, id)
		e.moment(`,"expires_at":`, expires)
	}
	e.truth(`,"prices_include_tax":`, q.PricesIncludeTax)
	e.text(`,"multiplier":`, q.Ask.Market.Multiplier.String())
	e.number(`,"subtotal_minor":`, q.SubtotalMinor)
	e.number(`,"discount_minor":`, q.DiscountMinor)
	e.number(`,"tax_minor":`, q.TaxMinor)
	e.number(`,"total_minor":`, q.TotalMinor)
	e.promotions(q)
	e.b = append(e.b, `,"lines":[`...)
	for i := range q.Lines {
		e.separate(i)
		e.line(q, &q.Lines[i])
	}
	e.b = append(e.b, ']')
	e.unpricedLines()
	e.tables(q)
	e.b = append(e.b, '}')
}

// promotions writes those that gave something, and the codes that gave nothing.
func (e *quoteEncoder) promotions(q *pricing.Quote) {
	e.b = append(e.b, `,"promotions":[`...)
	for i, p := range q.Promotions {
		e.separate(i)
		e.text(`{"promotion":`, p.Promotion)
		e.text(`,"title":`, p.Title)
		e.optional(`,"coupon":`, p.Coupon)
		e.number(`,"discount_minor":`, p.DiscountMinor())
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, `],"refused_coupons":[`...)
	told := 0
	for _, refused := range q.RefusedCoupons {
		if refused.Reason == promotion.ReasonNothing {
			continue // a quote has no shipping, which the coupon may be for: the cart tells
		}
		e.separate(told)
		told++
		e.text(`{"code":`, refused.Coupon)
		e.text(`,"refused":`, string(refused.Reason))
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ']')
}

func (e *quoteEncoder) line(q *pricing.Quote, l *pricing.Line) {
	e.text(`{"sku":`, l.SKU)
	e.number(`,"quantity":`, l.Quantity)
	e.number(`,"unit_price_minor":`, l.UnitPriceMinor)
	e.number(`,"subtotal_minor":`, l.SubtotalMinor)
	e.number(`,"discount_minor":`, l.DiscountMinor)
	e.number(`,"tax_minor":`, l.TaxMinor)
	e.number(`,"total_minor":`, l.TotalMinor)
	e.b = append(e.b, `,"price":`...)
	e.steps(l.Unit(), l.LowestMinor)
	if tax := l.Tax(); tax != nil {
		e.number(`,"tax":`, indexOf(&e.taxes, tax))
	}
	if l.DiscountMinor > 0 {
		e.discounts(q, l)
	}
	e.b = append(e.b, '}')
}

// steps writes how a unit's price came about, as pricing.PriceSteps says.
func (e *quoteEncoder) steps(u *pricing.Unit, lowest *int64) {
	switch {
	case u.Converted():
		e.entry(`{"source":"converted","conversion":{"base":`, u.Base, u.BaseList)
		e.number(`,"from":`, e.rate(u, 0))
		e.number(`,"to":`, e.rate(u, 1))
		e.number(`,"rounding":`, indexOf(&e.roundings, u.Rounding))
		e.b = append(e.b, '}')
	case u.List.Kind == pricing.Sale:
		e.entry(`{"source":"sale","list":`, u.Entry, u.List)
	default:
		e.entry(`{"source":"list","list":`, u.Entry, u.List)
	}
	if u.Regular != nil {
		e.number(`,"regular_minor":`, u.Regular.AmountMinor)
		e.b = append(e.b, `,"regular":`...)
		e.steps(u.Regular, nil)
	}
	if lowest != nil {
		e.number(`,"lowest_30_days_minor":`, *lowest)
	}
	e.b = append(e.b, '}')
}

func (e *quoteEncoder) entry(name string, entry *pricing.Entry, list *pricing.List) {
	e.b = append(e.b, name...)
	e.number(`{"list":`, indexOf(&e.lists, list))
	e.number(`,"min_quantity":`, entry.MinQuantity)
	e.number(`,"amount_minor":`, entry.AmountMinor)
	e.moment(`,"valid_from":`, entry.Period.From)
	e.b = append(e.b, '}')
}

// discounts writes what promotions took off a line, each by its place in the quote.
func (e *quoteEncoder) discounts(q *pricing.Quote, l *pricing.Line) {
	e.b = append(e.b, `,"promotions":[`...)
	for i, off := range l.Promotions() {
		e.separate(i)
		for place, p := range q.Promotions {
			if p.Promotion == off.Promotion && p.Coupon == off.Coupon {
				e.number(`{"promotion":`, int64(place))
			}
		}
		e.number(`,"discount_minor":`, off.Minor)
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ']')
}

// rate returns the place of an exchange rate: of one moment, a currency has one.
func (e *quoteEncoder) rate(u *pricing.Unit, side int) int64 {
	for i, known := range e.rates {
		if known.unit.Rates[known.side].Currency == u.Rates[side].Currency {
			return int64(i)
		}
	}
	e.rates = append(e.rates, rateOf{u, side})
	return int64(len(e.rates) - 1)
}

// indexOf returns the place of one of a few things and adds it where it is not among them. Neighbours are often alike,
// and what was found last stands last.
func indexOf[T any](things *[]*T, thing *T) int64 {
	for i := len(*things) - 1; i >= 0; i-- {
		if (*things)[i] == thing {
			return int64(i)
		}
	}
	*things = append(*things, thing)
	return int64(len(*things) - 1)
}

func (e *quoteEncoder) unpricedLines() {
	e.b = append(e.b, `,"unpriced":[`...)
	for i, none := range e.unpriced {
		e.separate(i)
		e.text(`{"sku":`, none.SKU)
		e.text(`,"reason":`, none.Why.Error())
		if currency, missing := none.MissingRate(); missing {
			e.text(`,"missing_rate":`, string(currency))
		}
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ']')
}

// tables write what the lines refer to.
func (e *quoteEncoder) tables(q *pricing.Quote) {
	e.b = append(e.b, `,"lists":[`...)
	for i, list := range e.lists {
		e.separate(i)
		e.text(`{"list":`, list.Code)
		e.text(`,"kind":`, string(list.Kind))
		e.text(`,"currency":`, string(list.Currency))
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, `],"rates":[`...)
	for i, known := range e.rates {
		e.separate(i)
		rate := &known.unit.Rates[known.side]
		e.text(`{"currency":`, string(rate.Currency))
		e.text(`,"rate":`, rate.Rate.String())
		e.text(`,"day":`, rate.Day)
		e.text(`,"source":`, rate.Source)
		e.truth(`,"stale":`, rate.Stale(q.Ask.At, e.maxRateAge))
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, `],"roundings":[`...)
	for i, rule := range e.roundings {
		e.separate(i)
		e.text(`{"name":`, rule.Name)
		e.number(`,"modulus_minor":`, rule.Modulus)
		e.number(`,"ending_minor":`, rule.Ending)
		e.text(`,"mode":`, string(rule.Mode))
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, `],"taxes":[`...)
	for i, tax := range e.taxes {
		e.separate(i)
		e.text(`{"country":`, tax.Country)
		e.optional(`,"state":`, tax.State)
		e.text(`,"category":`, tax.Category)
		e.number(`,"rate_mpct":`, tax.RateMPct)
		e.text(`,"source":`, tax.Source)
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ']')
}

// separate writes the comma before all but the first of a list.
func (e *quoteEncoder) separate(i int) {
	if i > 0 {
		e.b = append(e.b, ',')
	}
}

// The members: name is all that stands before the value.

func (e *quoteEncoder) number(name string, n int64) {
	e.b = strconv.AppendInt(append(e.b, name...), n, 10)
}

func (e *quoteEncoder) truth(name string, is bool) {
	e.b = strconv.AppendBool(append(e.b, name...), is)
}

func (e *quoteEncoder) text(name, text string) {
	// A text with bad UTF-8 is repaired: an answer is better than none.
	e.b, _ = jsontext.AppendQuote(append(e.b, name...), text)
}

func (e *quoteEncoder) optional(name, text string) {
	if text != "" {
		e.text(name, text)
	}
}

func (e *quoteEncoder) moment(name string, at time.Time) {
	e.b = append(append(e.b, name...), '"')
	e.b = append(at.UTC().AppendFormat(e.b, time.RFC3339Nano), '"')
}
