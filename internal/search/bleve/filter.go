package bleve

import (
	"math"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// A filter is a query's filter, in the numbers of an index's dictionaries.
type filter struct {
	category   uint32
	brands     []uint32
	market     uint32
	min, max   int64
	byPrice    bool
	minRating  int32
	inStock    bool
	claims     []uint32
	attributes []attributeFilter
	ids        map[uuid.UUID]bool
	exclude    map[uuid.UUID]bool
}

type attributeFilter struct {
	name   uint32
	values []uint32
}

// unknown is a number that no row has. It stands for texts that no document ever had.
const unknown = math.MaxUint32

func known(d *dictionary, text string) uint32 {
	if n := d.find(text); n != 0 || text == "" {
		return n
	}
	return unknown
}

func (d *dictionaries) newFilter(q search.Query) *filter {
	f := &filter{min: math.MinInt64, max: math.MaxInt64, minRating: int32(q.Filter.MinRating), inStock: q.Filter.InStock,
		market: known(d.markets, q.Market), ids: set(q.Filter.IDs), exclude: set(q.Filter.Exclude)}
	if q.Filter.Category != "" {
		f.category = known(d.categories, q.Filter.Category)
	}
	for _, brand := range q.Filter.Brands {
		f.brands = append(f.brands, known(d.brands, brand))
	}
	if q.Filter.MinPrice != nil {
		f.min, f.byPrice = *q.Filter.MinPrice, true
	}
	if q.Filter.MaxPrice != nil {
		f.max, f.byPrice = *q.Filter.MaxPrice, true
	}
	for _, claim := range q.Filter.Claims {
		f.claims = append(f.claims, known(d.claims, claim))
	}
	for name, values := range q.Filter.Attributes {
		a := attributeFilter{name: known(d.attributes.names, name)}
		for _, value := range values {
			a.values = append(a.values, known(d.attributes, name+search.AttributeSeparator+value))
		}
		f.attributes = append(f.attributes, a)
	}
	return f
}

func set(ids []uuid.UUID) map[uuid.UUID]bool {
	if len(ids) == 0 {
		return nil
	}
	all := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all
}

// The verdicts of a filter: a row passes, is out, or is rejected by a single part of the filter, in whose facet it still
// counts. The verdict of an attribute is keptByAttribute plus its index in the filter.
const (
	passes = iota
	out
	keptByCategory
	keptByBrand
	keptByPrice
	keptByAttribute
)

// judge returns the verdict on a row.
func (f *filter) judge(r *row) int {
	if f.minRating > 0 && r.ratingMilli < f.minRating || f.inStock && !r.inStock || f.exclude[r.id] || f.ids != nil && !f.ids[r.id] {
		return out
	}
	for _, claim := range f.claims {
		if !slices.Contains(r.claims, claim) {
			return out
		}
	}
	verdict := passes
	keep := func(by int) bool {
		if verdict != passes {
			return false
		}
		verdict = by
		return true
	}
	if f.category != 0 && !slices.Contains(r.categories, f.category) && !keep(keptByCategory) {
		return out
	}
	if f.brands != nil && !slices.Contains(f.brands, r.brand) && !keep(keptByBrand) {
		return out
	}
	if f.byPrice && !f.priced(r) && !keep(keptByPrice) {
		return out
	}
	for i := range f.attributes {
		if !f.attributes[i].holds(r) && !keep(keptByAttribute+i) {
			return out
		}
	}
	return verdict
}

func (f *filter) priced(r *row) bool {
	p, ok := r.price(f.market)
	return ok && f.min <= p.minor && p.minor <= f.max
}

func (f *attributeFilter) holds(r *row) bool {
	for _, value := range f.values {
		if slices.Contains(r.attributes, value) {
			return true
		}
	}
	return false
}
