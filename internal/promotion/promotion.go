package promotion

import (
	"strings"
	"time"

	"meridian/internal/money"
)

// Promotion is one version of a promotion: what it gives, to whom, and when.
type Promotion struct {
	// ID names the promotion through all its versions.
	ID    string
	Title string
	// Coupon is the code that a shopper enters, in upper case; empty for one that applies by itself.
	Coupon string
	// Priority decides inside a kind: the higher first.
	Priority int64
	// ValidFrom and ValidTo say when it is in force: from the one until just before the other,
	// nil being no end.
	ValidFrom time.Time
	ValidTo   *time.Time
	// TotalLimit and CustomerLimit say how many orders may use it, in all and of one customer; 0 is any number.
	TotalLimit, CustomerLimit int64
	Spec
}

// inForce reports whether the version counts at a moment.
func (p *Promotion) inForce(at time.Time) bool { return !at.Before(p.ValidFrom) && !p.ended(at) }

func (p *Promotion) ended(at time.Time) bool { return p.ValidTo != nil && !at.Before(*p.ValidTo) }

// NormalizeCoupon returns the form in which a code is kept and compared, however it was entered.
func NormalizeCoupon(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// Kind is how a promotion gives.
type Kind string

// The kinds of promotions.
const (
	BuyXGetY     Kind = "buy_x_get_y"
	Percentage   Kind = "percentage"
	AmountOff    Kind = "amount"
	FreeShipping Kind = "free_shipping"
)

// stackingOrder is the order in which kinds are taken.
var stackingOrder = []Kind{BuyXGetY, Percentage, AmountOff, FreeShipping}

// Spec says what a promotion gives, and on what conditions. Only the fields of its kind are
// set. It is kept as JSON (ParseSpec, Encode).
type Spec struct {
	Kind Kind `json:"kind"`
	// PercentBP is what a percentage takes off, in hundredths of a percent.
	PercentBP int64 `json:"percent_bp,omitzero"`
	// Amounts are what an amount takes off, in minor units of each currency it is for.
	Amounts map[money.Currency]int64 `json:"amounts,omitempty"`
	// Buy and Get are the units that buy-x-get-y wants bought, and those it gives for them at
	// GetPercentBP off, in hundredths of a percent: 0 is all of it, for free.
	Buy          int64 `json:"buy,omitzero"`
	Get          int64 `json:"get,omitzero"`
	GetPercentBP int64 `json:"get_percent_bp,omitzero"`
	// Conditions must all be met.
	Conditions Conditions `json:"conditions,omitempty"`
	// Exclusive is for one that stacks with no other.
	Exclusive bool `json:"exclusive,omitzero"`
}

// Conditions say which baskets, and which of their lines, a promotion is meant for. An empty
// field asks for nothing.
type Conditions struct {
	Markets    []string         `json:"markets,omitempty"`
	Currencies []money.Currency `json:"currencies,omitempty"`
	// Groups are customer groups; "" is that of the customers who are in none.
	Groups []string `json:"groups,omitempty"`
	// Categories and SKUs are the lines it is meant for: those of any of either. A category
	// stands for itself and all below it (hg-3 for hg-3-1).
	Categories []string `json:"categories,omitempty"`
	SKUs       []string `json:"skus,omitempty"`
	// MinSubtotals are in minor units; a currency that is not among them does not qualify.
	MinSubtotals map[money.Currency]int64 `json:"min_subtotals,omitempty"`
	MinQuantity  int64                    `json:"min_quantity,omitzero"`
	// FirstOrder is for customers who never ordered.
	FirstOrder bool `json:"first_order,omitzero"`
}

// getPercent returns what is taken off a unit that is given.
func (s *Spec) getPercent() money.BasisPoints {
	if s.GetPercentBP == 0 {
		return whole
	}
	return money.BasisPoints(s.GetPercentBP)
}

// minQuantity returns how many units a basket must have for the promotion to give anything.
func (s *Spec) minQuantity() int64 { return max(s.Conditions.MinQuantity, s.Buy+s.Get, 1) }

// whole is 100 % in basis points.
const whole = 10_000
