package shipping

import (
	"errors"
	"fmt"

	"meridian/internal/money"
)

var (
	// ErrNotServiceable is returned for a country the shop does not deliver to.
	ErrNotServiceable = errors.New("the shop does not deliver to this country")
	// ErrNoRate is returned for a currency that has no delivery prices.
	ErrNoRate = errors.New("there is no delivery price in this currency")
)

// Rate is the price of one delivery of one order.
type Rate struct {
	// Minor is the price in minor units of the requested currency; 0 is free.
	Minor int64
	// Service is the name of the service, such as "standard".
	Service string
	// MinDays and MaxDays bound the delivery time, both ends included.
	MinDays, MaxDays int64
}

// Rate returns the cost of delivering goods worth subtotalMinor, in the same currency, to a country (ISO 3166-1
// alpha-2, upper case). It fails with ErrNotServiceable or ErrNoRate.
func (t *Table) Rate(country string, currency money.Currency, subtotalMinor int64) (Rate, error) {
	zone, ok := t.zones[t.countries[country]]
	if !ok {
		return Rate{}, fmt.Errorf("country %q: %w", country, ErrNotServiceable)
	}
	price, ok := zone.prices[currency]
	if !ok {
		return Rate{}, fmt.Errorf("currency %q: %w", currency, ErrNoRate)
	}
	rate := Rate{Minor: price.minor, Service: zone.service, MinDays: zone.minDays, MaxDays: zone.maxDays}
	if subtotalMinor >= price.freeFromMinor {
		rate.Minor = 0
	}
	return rate, nil
}

// Serves reports whether the shop delivers to the country.
func (t *Table) Serves(country string) bool {
	_, ok := t.countries[country]
	return ok
}

// HasCurrency reports whether deliveries have a price in the currency.
func (t *Table) HasCurrency(currency money.Currency) bool { return t.currencies[currency] }
