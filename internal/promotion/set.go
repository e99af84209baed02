package promotion

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Set is promotions in all their versions, ready to be applied. It never changes and is safe
// for concurrent use.
type Set struct {
	automatic []*rule // in stacking order
	byCoupon  map[string][]*rule
}

// rule is a version of a promotion in a set.
type rule struct {
	Promotion
	rank int             // its place in the stacking order of the set
	skus map[string]bool // of the condition
}

// NewSet makes a set of versions of promotions, all valid and in any order. A version ends where the next
// one of its promotion begins, whatever it says itself.
func NewSet(promotions []Promotion) *Set {
	rules := make([]*rule, len(promotions))
	for i, p := range promotions {
		rules[i] = &rule{Promotion: p, skus: setOf(p.Conditions.SKUs)}
	}
	endEach(rules)
	slices.SortFunc(rules, func(a, b *rule) int {
		return cmp.Or(
			cmp.Compare(slices.Index(stackingOrder, a.Kind), slices.Index(stackingOrder, b.Kind)),
			cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID), a.ValidFrom.Compare(b.ValidFrom))
	})
	s := &Set{byCoupon: make(map[string][]*rule)}
	for rank, r := range rules {
		r.rank = rank
		if r.Coupon == "" {
			s.automatic = append(s.automatic, r)
		} else {
			s.byCoupon[r.Coupon] = append(s.byCoupon[r.Coupon], r)
		}
	}
	return s
}

// endEach ends each version where the next begins.
func endEach(rules []*rule) {
	slices.SortFunc(rules, func(a, b *rule) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.ValidFrom.Compare(b.ValidFrom))
	})
	for i, r := range rules[:max(len(rules)-1, 0)] {
		if next := rules[i+1]; next.ID == r.ID && !r.ended(next.ValidFrom) {
			r.ValidTo = &next.ValidFrom
		}
	}
}

func setOf(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	return set
}

// Empty reports whether none of the promotions applies by itself, whenever: a basket without
// coupons then gets nothing.
func (s *Set) Empty() bool { return len(s.automatic) == 0 }

// means reports whether the promotion is meant for a line.
func (r *rule) means(l *Line) bool {
	categories := r.Conditions.Categories
	if len(r.skus)+len(categories) == 0 || r.skus[l.SKU] {
		return true
	}
	return slices.ContainsFunc(categories, func(category string) bool {
		below, ok := strings.CutPrefix(l.Category, category)
		return ok && (below == "" || below[0] == '-')
	})
}

// refuses says why a basket does not get the promotion; "" if it does.
func (r *rule) refuses(b *Basket, subtotals []int64) Reason {
	c := &r.Conditions
	switch {
	case r.ended(b.At):
		return ReasonExpired
	case !r.inForce(b.At):
		return ReasonNotYet
	case !lists(c.Markets, b.Market):
		return ReasonMarket
	case !lists(c.Currencies, b.Currency),
		r.Kind == AmountOff && r.Amounts[b.Currency] == 0,
		len(c.MinSubtotals) > 0 && c.MinSubtotals[b.Currency] == 0:
		return ReasonCurrency
	case !lists(c.Groups, b.Group):
		return ReasonGroup
	case c.FirstOrder && (!b.FirstOrder || b.Used.hadFirst(b.Customer)):
		return ReasonFirstOrder
	}
	units, minor := r.worth(b, subtotals)
	switch {
	case units == 0:
		return ReasonGoods
	case units < r.minQuantity():
		return ReasonMinQuantity
	case minor < c.MinSubtotals[b.Currency]:
		return ReasonMinSubtotal
	case !b.Used.Left(r.ID, b.Customer, r.TotalLimit, r.CustomerLimit):
		return ReasonUsedUp
	}
	return ""
}

// lists reports whether a condition holds a value; an empty one holds all.
func lists[T comparable](condition []T, value T) bool {
	return len(condition) == 0 || slices.Contains(condition, value)
}

// worth returns how many units of a basket the promotion is meant for, and what they cost.
func (r *rule) worth(b *Basket, subtotals []int64) (units, minor int64) {
	for i := range b.Lines {
		if r.means(&b.Lines[i]) {
			units += b.Lines[i].Quantity
			minor += subtotals[i]
		}
	}
	return units, minor
}

// Limited returns the ids of the promotions with a limit that some of the codes stand for at a moment, sorted.
func (s *Set) Limited(coupons []string, at time.Time) []string {
	var ids []string
	for _, entered := range coupons {
		for _, r := range s.byCoupon[NormalizeCoupon(entered)] {
			if r.TotalLimit+r.CustomerLimit > 0 && r.inForce(at) {
				ids = append(ids, r.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Version returns the version of a promotion that is in force at a moment.
func (s *Set) Version(id string, at time.Time) (Promotion, bool) {
	find := func(rules []*rule) (Promotion, bool) {
		for _, r := range rules {
			if r.ID == id && r.inForce(at) {
				return r.Promotion, true
			}
		}
		return Promotion{}, false
	}
	if p, ok := find(s.automatic); ok {
		return p, true
	}
	for _, rules := range s.byCoupon {
		if p, ok := find(rules); ok {
			return p, true
		}
	}
	return Promotion{}, false
}
