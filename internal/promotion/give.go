package promotion

import (
	"slices"

	"meridian/internal/money"
)

// taking is what is left of a basket while promotions are taken in turn.
type taking struct {
	*choice
	left     []int64 // of each line
	shipping int64
	unused   []int64 // units of each line that are in no buy-x-get-y yet; nil before the first
}

// take takes one promotion.
func (t *taking) take(r *rule) (Applied, error) {
	a := Applied{
		Promotion: r.ID, Title: r.Title, Coupon: r.Coupon, LineMinor: make([]int64, len(t.left)),
		TotalLimit: r.TotalLimit, CustomerLimit: r.CustomerLimit, FirstOrder: r.Conditions.FirstOrder,
	}
	var err error
	switch r.Kind {
	case BuyXGetY:
		err = t.buyXGetY(r, a.LineMinor)
	case Percentage:
		err = t.percentage(r, a.LineMinor)
	case AmountOff:
		err = t.amount(r, a.LineMinor)
	case FreeShipping:
		a.ShippingMinor, t.shipping = t.shipping, 0
	}
	for i, minor := range a.LineMinor {
		t.left[i] -= minor
	}
	return a, err
}

func (t *taking) percentage(r *rule, off []int64) (err error) {
	for i := range off {
		if !r.means(&t.basket.Lines[i]) {
			continue
		}
		if off[i], err = money.BasisPoints(r.PercentBP).Of(t.left[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *taking) amount(r *rule, off []int64) error {
	var lines []int
	var weights []int64
	var total int64
	for _, i := range t.lineOrder() {
		if t.left[i] > 0 && r.means(&t.basket.Lines[i]) {
			lines, weights, total = append(lines, i), append(weights, t.left[i]), total+t.left[i]
		}
	}
	if total == 0 {
		return nil
	}
	parts, err := money.New(min(r.Amounts[t.basket.Currency], total), t.basket.Currency).Allocate(weights)
	if err != nil {
		return err
	}
	for n, i := range lines {
		off[i] = parts[n].Minor
	}
	return nil
}

func (t *taking) buyXGetY(r *rule, off []int64) (err error) {
	t.countUnits()
	var lines []int // the cheapest first
	var units int64
	for _, i := range t.lineOrder() {
		if r.means(&t.basket.Lines[i]) {
			lines, units = append(lines, i), units+t.unused[i]
		}
	}
	offers := units / (r.Buy + r.Get)
	get, buy := offers*r.Get, offers*r.Buy
	for _, i := range lines {
		given := min(get, t.unused[i])
		get, t.unused[i] = get-given, t.unused[i]-given
		if off[i], err = r.getPercent().Of(given * t.basket.Lines[i].UnitPriceMinor); err != nil {
			return err
		}
	}
	for _, i := range slices.Backward(lines) {
		bought := min(buy, t.unused[i])
		buy, t.unused[i] = buy-bought, t.unused[i]-bought
	}
	return nil
}

// countUnits counts the units of each line, before the first buy-x-get-y.
func (t *taking) countUnits() {
	if t.unused != nil {
		return
	}
	t.unused = make([]int64, len(t.left))
	for i, line := range t.basket.Lines {
		t.unused[i] = line.Quantity
	}
}
