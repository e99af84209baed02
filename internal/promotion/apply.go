package promotion

import (
	"cmp"
	"fmt"
	"slices"
)

// Apply takes off a basket what its promotions give. It fails with *invalid.Error on more than
// MaxCoupons codes or a negative number, and with money.ErrOverflow.
func (s *Set) Apply(b Basket) (Outcome, error) {
	codes, err := b.coupons()
	if err != nil {
		return Outcome{}, err
	}
	if len(s.automatic)+len(codes) == 0 { // most baskets
		return Outcome{LineDiscounts: make([]int64, len(b.Lines))}, nil
	}
	return s.apply(b, codes)
}

func (s *Set) apply(b Basket, codes []string) (Outcome, error) {
	subtotals, err := b.subtotals()
	if err != nil {
		return Outcome{}, err
	}
	c := choice{basket: &b, subtotals: subtotals}
	s.gather(&c, codes)
	if err := c.choose(); err != nil {
		return Outcome{}, fmt.Errorf("apply promotions: %w", err)
	}
	out := Outcome{LineDiscounts: make([]int64, len(b.Lines))}
	out.add(c.applied)
	for _, code := range codes {
		if !slices.ContainsFunc(c.applied, func(a Applied) bool { return a.Coupon == code }) {
			out.Refused = append(out.Refused, Refusal{Coupon: code, Reason: c.why[code]})
		}
	}
	return out, nil
}

// add adds up what was applied.
func (o *Outcome) add(applied []Applied) {
	o.Applied = applied
	for _, a := range applied {
		o.ShippingDiscountMinor += a.ShippingMinor
		for i, minor := range a.LineMinor {
			o.LineDiscounts[i] += minor
		}
	}
}

// choice is which of the promotions that a basket qualifies for it gets.
type choice struct {
	basket    *Basket
	subtotals []int64
	order     []int             // see lineOrder
	rules     []*rule           // that it qualifies for
	why       map[string]Reason // the nearest reason why a code gives nothing
	applied   []Applied         // what was chosen
}

// gather collects the promotions that the basket qualifies for, in stacking order.
func (s *Set) gather(c *choice, codes []string) {
	for _, r := range s.automatic {
		if r.refuses(c.basket, c.subtotals) == "" {
			c.rules = append(c.rules, r)
		}
	}
	if len(codes) == 0 {
		return
	}
	c.why = make(map[string]Reason, len(codes))
	for _, code := range codes {
		c.why[code] = ReasonUnknown
		for _, r := range s.byCoupon[code] {
			if reason := r.refuses(c.basket, c.subtotals); reason != "" {
				c.note(r, reason)
			} else {
				c.rules = append(c.rules, r)
			}
		}
	}
	slices.SortFunc(c.rules, func(a, b *rule) int { return cmp.Compare(a.rank, b.rank) })
}

// note keeps why a promotion gave nothing, if a code asked for it.
func (c *choice) note(r *rule, reason Reason) {
	if r.Coupon != "" {
		c.why[r.Coupon] = nearer(c.why[r.Coupon], reason)
	}
}

// choose takes all promotions that stack, or the one exclusive one that gives more.
func (c *choice) choose() error {
	var taken, exclusive []*rule
	for _, r := range c.rules {
		if r.Exclusive {
			exclusive = append(exclusive, r)
		} else {
			taken = append(taken, r)
		}
	}
	applied, most, err := c.take(taken)
	if err != nil {
		return err
	}
	for _, r := range exclusive {
		alone, given, err := c.take([]*rule{r})
		if err != nil {
			return err
		}
		if given > most {
			applied, most, taken = alone, given, []*rule{r}
		} else if given == 0 {
			c.note(r, ReasonNothing)
		}
	}
	c.applied = applied
	c.explain(taken)
	return nil
}

// explain notes why promotions that the basket qualifies for gave nothing: one that was taken
// found nothing left. Of those that did give something nobody asks.
func (c *choice) explain(taken []*rule) {
	for _, r := range c.rules {
		if slices.Contains(taken, r) {
			c.note(r, ReasonNothing)
		} else {
			c.note(r, ReasonExclusive)
		}
	}
}

// take takes promotions in turn and says what each gave, and all of them together.
func (c *choice) take(rules []*rule) (applied []Applied, given int64, err error) {
	if len(rules) == 0 {
		return nil, 0, nil
	}
	t := taking{choice: c, left: slices.Clone(c.subtotals), shipping: c.basket.ShippingMinor}
	for _, r := range rules {
		a, err := t.take(r)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", r.ID, err)
		}
		if gave := a.DiscountMinor() + a.ShippingMinor; gave > 0 {
			applied = append(applied, a)
			given += gave
		}
	}
	return applied, given, nil
}

// lineOrder returns the lines in an order that does not depend on how they stand in the basket:
// the cheapest units first. Lines that are equal in all that promotions look at may stand
// either way.
func (c *choice) lineOrder() []int {
	if c.order != nil {
		return c.order
	}
	c.order = make([]int, len(c.basket.Lines))
	for i := range c.order {
		c.order[i] = i
	}
	slices.SortFunc(c.order, func(i, j int) int {
		a, b := &c.basket.Lines[i], &c.basket.Lines[j]
		return cmp.Or(cmp.Compare(a.UnitPriceMinor, b.UnitPriceMinor), cmp.Compare(a.SKU, b.SKU),
			cmp.Compare(a.Category, b.Category), cmp.Compare(a.Quantity, b.Quantity), cmp.Compare(i, j))
	})
	return c.order
}
