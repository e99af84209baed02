package pricing_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"meridian/internal/pricing"
)

// An order line keeps why it costs what it does, so that anyone can work it out again without a table: two units at 10 euro
// in the catalogue, converted to francs and rounded to five centimes, less a coupon, with the Swiss tax in what is left.
func ExampleDerivation_Check() {
	var line pricing.Derivation
	err := json.Unmarshal([]byte(`{
		"as_of": "2026-04-01T12:00:00Z", "market": "ch", "currency": "CHF", "quantity": 2,
		"unit_price_minor": 950,
		"price": {"source": "converted", "conversion": {
			"base": {"list": "catalogue-EUR", "currency": "EUR", "min_quantity": 1, "amount_minor": 1001, "valid_from": "2026-01-01T00:00:00Z"},
			"from": {"currency": "EUR", "rate": "1", "day": "", "source": "definition"},
			"to": {"currency": "CHF", "rate": "0.95", "day": "2026-03-31", "source": "ecb"},
			"multiplier": "1",
			"rounding": {"name": "cash-5", "modulus_minor": 5, "ending_minor": 0, "mode": "half_up"}}},
		"subtotal_minor": 1900,
		"promotions": [{"promotion": "spring", "coupon": "SPRING", "discount_minor": 190}],
		"discount_minor": 190,
		"tax": {"included": true, "country": "CH", "category": "standard", "rate_mpct": 8100},
		"tax_minor": 128,
		"total_minor": 1710
	}`), &line)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("as charged:", line.Check())
	line.TotalMinor--
	fmt.Println("a centime less:", errors.Is(line.Check(), pricing.ErrNotDerived))
	// Output:
	// as charged: <nil>
	// a centime less: true
}
