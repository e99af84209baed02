package pricing

import "errors"

// A Tag is what one unit of a SKU costs, as the shop shows it.
type Tag struct {
	AmountMinor int64
	// RegularMinor is the price without the sale, and LowestMinor the lowest of the 30 days before
	// it; nil where no sale decided, or there was no such price.
	RegularMinor, LowestMinor *int64
}

// Tag prices one unit of a SKU. priced is false for a SKU that has no price there
// (*NoPriceError); any other error is returned.
func (r *Rules) Tag(s *PricedSKU, ask Ask) (tag Tag, priced bool, err error) {
	unit, err := r.Unit(s, ask, 1)
	var none *NoPriceError
	switch {
	case errors.As(err, &none):
		return Tag{}, false, nil
	case err != nil:
		return Tag{}, false, err
	}
	tag.AmountMinor = unit.AmountMinor
	if unit.Regular != nil {
		tag.RegularMinor = &unit.Regular.AmountMinor
		if lowest, ok := r.Lowest(s, ask); ok {
			tag.LowestMinor = &lowest
		}
	}
	return tag, true, nil
}
