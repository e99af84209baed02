package pricing

import (
	"fmt"

	"meridian/internal/money"
)

// The tax categories of products.
const (
	TaxStandard = "standard"
	TaxReduced  = "reduced"
	TaxZero     = "zero"
)

// Destination is where the goods go: what decides the tax.
type Destination struct {
	// Country is an ISO 3166-1 alpha-2 code in upper case.
	Country string
	// State is an ISO 3166-2 code or its suffix: CA-ON or ON for Ontario, in any case. It is
	// optional: without it, or where it has no rate of its own (a name written out has none),
	// the country's rate counts.
	State string
}

// Item is what is to be priced: units of a SKU at a price.
type Item struct {
	SKU            string
	Quantity       int64 // 1 or more
	UnitPriceMinor int64 // as shown to the shopper; 0 or more
	TaxCategory    string
}

// Line is one priced item.
type Line struct {
	SKU            string
	Quantity       int64
	UnitPriceMinor int64
	// SubtotalMinor is Quantity × UnitPriceMinor.
	SubtotalMinor int64
	// TaxRate is for showing, rounded to basis points; TaxMinor comes from the exact rate.
	TaxRate money.BasisPoints
	// TaxMinor is included in SubtotalMinor or on top of it, as the quote's PricesIncludeTax says.
	TaxMinor int64
	// TotalMinor is what the line costs with its tax.
	TotalMinor int64
}

// Quote is what items cost at a destination. Its lines are in the order of the items.
type Quote struct {
	Currency money.Currency
	// PricesIncludeTax says whether the unit prices hold the tax already.
	PricesIncludeTax bool
	Lines            []Line
	// SubtotalMinor is the sum of the lines' subtotals.
	SubtotalMinor int64
	// ShippingMinor is final: it bears no tax.
	ShippingMinor int64
	// TaxMinor is the sum of the lines' taxes.
	TaxMinor int64
	// TotalMinor is the sum of the lines' totals and ShippingMinor: what is to be paid.
	TotalMinor int64
}

// Quote prices items that go to dest. currency is that of every amount, shippingMinor
// included. It fails on a quantity below 1, a negative amount, an unknown tax category,
// and with money.ErrOverflow.
func (t *Tables) Quote(dest Destination, currency money.Currency, items []Item, shippingMinor int64) (Quote, error) {
	if shippingMinor < 0 {
		return Quote{}, fmt.Errorf("quote: shipping of %d is negative", shippingMinor)
	}
	q := Quote{
		Currency:         currency,
		PricesIncludeTax: includesTax(dest.Country),
		Lines:            make([]Line, 0, len(items)),
		ShippingMinor:    shippingMinor,
		TotalMinor:       shippingMinor,
	}
	for _, item := range items {
		line, err := t.line(dest, item)
		if err != nil {
			return Quote{}, fmt.Errorf("quote %s: %w", item.SKU, err)
		}
		if err := q.add(line); err != nil {
			return Quote{}, fmt.Errorf("quote %s: %w", item.SKU, err)
		}
	}
	return q, nil
}

// includesTax is the market's law or custom: the United States and Canada show prices
// without tax, the rest of the world with it.
func includesTax(country string) bool { return country != "US" && country != "CA" }

func (t *Tables) line(dest Destination, item Item) (Line, error) {
	if item.Quantity < 1 || item.UnitPriceMinor < 0 {
		return Line{}, fmt.Errorf("%d units at %d minor units cannot be priced", item.Quantity, item.UnitPriceMinor)
	}
	rate, err := t.rateFor(dest, item.TaxCategory)
	if err != nil {
		return Line{}, err
	}
	subtotal, err := money.Times(item.UnitPriceMinor, item.Quantity)
	if err != nil {
		return Line{}, err
	}
	line := Line{
		SKU:            item.SKU,
		Quantity:       item.Quantity,
		UnitPriceMinor: item.UnitPriceMinor,
		SubtotalMinor:  subtotal,
		TaxRate:        rate.basisPoints(),
		TotalMinor:     subtotal,
	}
	if includesTax(dest.Country) {
		line.TaxMinor, err = rate.within(subtotal)
		return line, err
	}
	if line.TaxMinor, err = rate.on(subtotal); err != nil {
		return Line{}, err
	}
	line.TotalMinor, err = sum(subtotal, line.TaxMinor)
	return line, err
}

// add appends a line and adds it to the sums.
func (q *Quote) add(line Line) (err error) {
	if q.SubtotalMinor, err = sum(q.SubtotalMinor, line.SubtotalMinor); err != nil {
		return err
	}
	if q.TaxMinor, err = sum(q.TaxMinor, line.TaxMinor); err != nil {
		return err
	}
	if q.TotalMinor, err = sum(q.TotalMinor, line.TotalMinor); err != nil {
		return err
	}
	q.Lines = append(q.Lines, line)
	return nil
}

// sum adds two amounts of one currency.
func sum(a, b int64) (int64, error) {
	total, err := money.Amount{Minor: a}.Add(money.Amount{Minor: b})
	return total.Minor, err
}
