package pricing

import (
	"sync"

	"meridian/internal/money"
)

// conversion is what a ratio is made of.
type conversion struct {
	from       money.Currency
	fromRate   money.Decimal
	to         money.Currency
	toRate     money.Decimal
	multiplier money.Decimal
}

// ratios remembers the ratios of rules: few, and each asked for by every converted price.
type ratios struct{ known sync.Map }

func (r *ratios) of(c conversion) (money.Ratio, error) {
	if known, ok := r.known.Load(c); ok {
		return known.(money.Ratio), nil
	}
	ratio, err := money.Conversion(c.from, c.fromRate, c.to, c.toRate, c.multiplier)
	if err == nil {
		r.known.Store(c, ratio)
	}
	return ratio, err
}
