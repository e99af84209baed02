package promotion

import (
	"fmt"
	"slices"
	"time"

	"meridian/internal/invalid"
	"meridian/internal/money"
)

// Line is so many units of a SKU at a price.
type Line struct {
	SKU            string
	Category       string
	Quantity       int64
	UnitPriceMinor int64
}

// Basket is what promotions are applied to. Minor units are of Currency.
type Basket struct {
	Currency      money.Currency
	Market        string
	Group         string // of the customer; "" for most
	Lines         []Line
	ShippingMinor int64
	// Coupons are the codes that were entered, in any case; at most MaxCoupons.
	Coupons []string
	// FirstOrder says that the customer never ordered before.
	FirstOrder bool
	// At is the moment whose promotions count.
	At time.Time
	// Used says which of the promotions Customer has used up; nil takes none for used up.
	Used     *Used
	Customer Customer
}

// MaxCoupons is how many codes a basket may have.
const MaxCoupons = 20

// Outcome is what promotions took off a basket.
type Outcome struct {
	// Applied are those that gave something, in the order in which they were taken.
	Applied []Applied
	// LineDiscounts are what they took off each line of the basket together.
	LineDiscounts []int64
	// ShippingDiscountMinor is what they took off the shipping.
	ShippingDiscountMinor int64
	// Refused are the codes that gave nothing, as they were entered but in upper case.
	Refused []Refusal
}

// Applied is what one promotion took off a basket.
type Applied struct {
	Promotion, Title, Coupon string
	// LineMinor is what it took off each line of the basket, ShippingMinor what off the shipping.
	LineMinor     []int64
	ShippingMinor int64
	// TotalLimit and CustomerLimit are those that its use is counted against; 0 is none.
	TotalLimit, CustomerLimit int64
	// FirstOrder says that it was given for being the customer's first order.
	FirstOrder bool
}

// DiscountMinor returns what it took off the goods.
func (a Applied) DiscountMinor() int64 {
	var sum int64 // at most what the goods cost, which fits
	for _, minor := range a.LineMinor {
		sum += minor
	}
	return sum
}

// Refusal says why a code gave nothing.
type Refusal struct {
	Coupon string
	Reason Reason
}

// Reason is why a code gave nothing.
type Reason string

// The reasons, the nearer to applying the further down: of a code that stands for several
// promotions the nearest is told.
const (
	ReasonUnknown     Reason = "unknown"      // no promotion has the code
	ReasonExpired     Reason = "expired"      // it was in force once
	ReasonNotYet      Reason = "not_yet"      // it will be in force
	ReasonMarket      Reason = "market"       // for other markets
	ReasonCurrency    Reason = "currency"     // for other currencies
	ReasonGroup       Reason = "group"        // for other customers
	ReasonFirstOrder  Reason = "first_order"  // for first orders
	ReasonGoods       Reason = "goods"        // for goods that are not in the basket
	ReasonMinQuantity Reason = "min_quantity" // for more units of its goods
	ReasonMinSubtotal Reason = "min_subtotal" // for more money's worth of its goods
	ReasonUsedUp      Reason = "used_up"      // it was used as often as it may be
	ReasonExclusive   Reason = "exclusive"    // it stacks with none of the others, or they not with the one taken, and gave no more
	ReasonNothing     Reason = "nothing"      // those before it left nothing to take off
)

var nearness = []Reason{
	ReasonUnknown, ReasonExpired, ReasonNotYet, ReasonMarket, ReasonCurrency, ReasonGroup, ReasonFirstOrder,
	ReasonGoods, ReasonMinQuantity, ReasonMinSubtotal, ReasonUsedUp, ReasonExclusive, ReasonNothing,
}

// nearer returns the one of two reasons that is nearer to applying.
func nearer(a, b Reason) Reason {
	if slices.Index(nearness, a) > slices.Index(nearness, b) {
		return a
	}
	return b
}

// coupons returns the codes of the basket in upper case, each once.
func (b *Basket) coupons() ([]string, error) {
	if len(b.Coupons) > MaxCoupons {
		return nil, invalid.New("basket", "coupons", fmt.Sprintf("must be at most %d", MaxCoupons))
	}
	var codes []string
	for _, entered := range b.Coupons {
		if code := NormalizeCoupon(entered); code != "" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes, nil
}

// subtotals returns what the lines cost. That they, the shipping and the units can be added up
// is made sure here, so that every part of them can.
func (b *Basket) subtotals() ([]int64, error) {
	subtotals := make([]int64, len(b.Lines))
	total, units := b.ShippingMinor, int64(0)
	if b.ShippingMinor < 0 {
		return nil, invalid.New("basket", "shipping_minor", "must not be negative")
	}
	for i, line := range b.Lines {
		if line.Quantity < 0 || line.UnitPriceMinor < 0 {
			return nil, invalid.New("basket", fmt.Sprintf("lines[%d]", i), "must have no negative quantity or price")
		}
		subtotal, err := money.Times(line.UnitPriceMinor, line.Quantity)
		if err != nil {
			return nil, fmt.Errorf("promotions of line %d: %w", i+1, err)
		}
		subtotals[i] = subtotal
		total, units = total+subtotal, units+line.Quantity
		if total < 0 || units < 0 {
			return nil, fmt.Errorf("promotions of a basket: %w", money.ErrOverflow)
		}
	}
	return subtotals, nil
}
