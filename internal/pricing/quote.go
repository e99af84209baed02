package pricing

import (
	"fmt"

	"meridian/internal/money"
	"meridian/internal/promotion"
)

// An Item is units of a SKU at a price that Rules.Unit gave for them.
type Item struct {
	Priced   *PricedSKU
	Quantity int64 // 1 or more
	Unit     Unit
}

// Line is one priced item.
type Line struct {
	SKU            string
	Quantity       int64
	UnitPriceMinor int64
	// SubtotalMinor is Quantity × UnitPriceMinor.
	SubtotalMinor int64
	// DiscountMinor is what promotions take off the subtotal: 0 to SubtotalMinor.
	DiscountMinor int64
	// TaxRate is for showing, rounded to basis points; TaxMinor comes from the exact rate.
	TaxRate money.BasisPoints
	// TaxMinor is included in what is left of SubtotalMinor, or on top of it, as the quote's
	// PricesIncludeTax says.
	TaxMinor int64
	// TotalMinor is what the line costs with its tax.
	TotalMinor int64
	// LowestMinor is the lowest price of a unit in the 30 days before a sale; nil for a line
	// that is not reduced, or was never sold before.
	LowestMinor *int64

	unit Unit
	tax  *TaxRate
	off  []lineDiscount
}

// lineDiscount is what one promotion takes off a line.
type lineDiscount struct {
	promotion, coupon string
	minor             int64
}

// RegularMinor returns what a unit would cost without the sale that it is in; ok is false where
// it is in none.
func (l Line) RegularMinor() (minor int64, ok bool) {
	if l.unit.Regular == nil {
		return 0, false
	}
	return l.unit.Regular.AmountMinor, true
}

// Quote is what items cost at a destination. Its lines are in the order of the items.
type Quote struct {
	Ask      Ask
	Dest     Destination
	Currency money.Currency
	// PricesIncludeTax says whether the unit prices hold the tax already.
	PricesIncludeTax bool
	Lines            []Line
	// SubtotalMinor and DiscountMinor are the sums of the lines'.
	SubtotalMinor int64
	DiscountMinor int64
	// ShippingMinor is final: it bears no tax, and promotions are taken off.
	ShippingMinor int64
	// TaxMinor is the sum of the lines' taxes.
	TaxMinor int64
	// TotalMinor is the sum of the lines' totals and ShippingMinor: what is to be paid.
	TotalMinor int64
	// Promotions are those that gave something, in the order in which they were taken;
	// RefusedCoupons are the codes that gave nothing, and why.
	Promotions     []promotion.Applied
	RefusedCoupons []promotion.Refusal
}

// QuoteInput is what is to be priced.
type QuoteInput struct {
	Dest  Destination
	Ask   Ask
	Items []Item
	// Coupons are the codes that the shopper entered; FirstOrder says that there was no order before.
	Coupons    []string
	FirstOrder bool
	// Used says which promotions the Customer has used up; nil takes none for used up.
	Used     *promotion.Used
	Customer promotion.Customer
	// Shipping says what delivery costs for goods of this value, in minor units; nil for nothing.
	Shipping func(subtotalMinor int64) (int64, error)
}

// Quote prices items that go to a destination. It fails on a quantity below 1, an unknown
// tax category, with Shipping's error, and with money.ErrOverflow, as it does for a subtotal or a
// total of more than money.MaxOrderMinor.
func (r *Rules) Quote(in QuoteInput) (Quote, error) {
	q := Quote{
		Ask: in.Ask, Dest: in.Dest, Currency: in.Ask.Currency,
		PricesIncludeTax: in.Ask.Market.PricesIncludeTax,
		Lines:            make([]Line, len(in.Items)),
	}
	for i, item := range in.Items {
		if err := q.begin(i, item); err != nil {
			return Quote{}, fmt.Errorf("quote %s: %w", item.Priced.SKU, err)
		}
	}
	if in.Shipping != nil {
		var err error
		if q.ShippingMinor, err = in.Shipping(q.SubtotalMinor); err != nil {
			return Quote{}, err
		}
		if q.ShippingMinor < 0 {
			return Quote{}, fmt.Errorf("quote: shipping of %d is negative", q.ShippingMinor)
		}
	}
	if err := r.promote(&q, in); err != nil {
		return Quote{}, err
	}
	q.TotalMinor = q.ShippingMinor
	for i, item := range in.Items {
		if err := r.finish(&q, i, item); err != nil {
			return Quote{}, fmt.Errorf("quote %s: %w", item.Priced.SKU, err)
		}
	}
	if max(q.SubtotalMinor, q.TotalMinor) > money.MaxOrderMinor {
		return Quote{}, fmt.Errorf("quote: %w", money.ErrOverflow)
	}
	return q, nil
}

// begin fills in a line as far as its subtotal.
func (q *Quote) begin(i int, item Item) (err error) {
	if item.Quantity < 1 {
		return fmt.Errorf("%d units cannot be priced", item.Quantity)
	}
	l := &q.Lines[i]
	l.SKU, l.Quantity, l.UnitPriceMinor, l.unit = item.Priced.SKU, item.Quantity, item.Unit.AmountMinor, item.Unit
	if l.SubtotalMinor, err = money.Times(l.UnitPriceMinor, l.Quantity); err != nil {
		return err
	}
	q.SubtotalMinor, err = sum(q.SubtotalMinor, l.SubtotalMinor)
	return err
}

// promote takes the promotions off the lines and the shipping.
func (r *Rules) promote(q *Quote, in QuoteInput) error {
	if r.Promotions.Empty() && len(in.Coupons) == 0 {
		return nil
	}
	basket := promotion.Basket{
		Currency: q.Currency, Market: in.Ask.Market.Code, Group: in.Ask.Group, ShippingMinor: q.ShippingMinor,
		Coupons: in.Coupons, FirstOrder: in.FirstOrder, At: in.Ask.At, Used: in.Used, Customer: in.Customer,
		Lines: make([]promotion.Line, len(q.Lines)),
	}
	for i, l := range q.Lines {
		basket.Lines[i] = promotion.Line{
			SKU: l.SKU, Category: in.Items[i].Priced.Category, Quantity: l.Quantity, UnitPriceMinor: l.UnitPriceMinor,
		}
	}
	outcome, err := r.Promotions.Apply(basket)
	if err != nil {
		return fmt.Errorf("quote: %w", err)
	}
	q.Promotions, q.RefusedCoupons = outcome.Applied, outcome.Refused
	q.ShippingMinor -= outcome.ShippingDiscountMinor
	for _, applied := range outcome.Applied {
		for i, minor := range applied.LineMinor {
			if minor > 0 {
				q.Lines[i].DiscountMinor += minor
				q.Lines[i].off = append(q.Lines[i].off, lineDiscount{applied.Promotion, applied.Coupon, minor})
			}
		}
	}
	return nil
}

// finish adds the tax to a line and the line to the sums.
func (r *Rules) finish(q *Quote, i int, item Item) (err error) {
	l := &q.Lines[i]
	if l.tax, err = r.tax(q.Dest, item.Priced.TaxCategory, q.Ask.At); err != nil {
		return err
	}
	l.TaxRate = l.tax.BasisPoints()
	l.TotalMinor = l.SubtotalMinor - l.DiscountMinor
	if q.PricesIncludeTax {
		l.TaxMinor, err = l.tax.within(l.TotalMinor)
	} else if l.TaxMinor, err = l.tax.on(l.TotalMinor); err == nil {
		l.TotalMinor, err = sum(l.TotalMinor, l.TaxMinor)
	}
	if err != nil {
		return err
	}
	if l.unit.Regular != nil {
		if lowest, ok := r.Lowest(item.Priced, q.Ask); ok {
			l.LowestMinor = &lowest
		}
	}
	q.DiscountMinor += l.DiscountMinor // at most the subtotal, which fits
	if q.TaxMinor, err = sum(q.TaxMinor, l.TaxMinor); err != nil {
		return err
	}
	q.TotalMinor, err = sum(q.TotalMinor, l.TotalMinor)
	return err
}

// sum adds two amounts of one currency.
func sum(a, b int64) (int64, error) {
	total, err := money.Amount{Minor: a}.Add(money.Amount{Minor: b})
	return total.Minor, err
}
