package pricing

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/pricing/changes"
)

// QueuePutMarket adds to a batch what puts a version of a market in force from its period's
// beginning on, for good (database.QueueVersion), and tells every pod. change is the one that
// wanted it. The beginning must be far enough ahead for every pod to learn of it.
func QueuePutMarket(b *database.Batch, m Market, change uuid.UUID) error {
	rounding, err := json.Marshal(m.Rounding, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode the market's rounding: %w", err)
	}
	database.QueueVersion(b, "markets", []string{"code"}, database.Args{
		"code": m.Code, "valid_from": m.Period.From, "valid_to": database.NullTime(m.Period.To), "title": m.Title, "countries": m.Countries,
		"currency": string(m.Currency), "prices_include_tax": m.PricesIncludeTax, "multiplier": m.Multiplier.String(),
		"from_base_price": m.FromBasePrice, "rounding": string(rounding), "change_id": change,
	})
	changes.QueueRulesChanged(b)
	return nil
}

// QueueEndMarket adds to a batch what ends a market at an instant, and tells every pod: from then on its countries are
// in the rest of the world, unless another market names them. A version that was to begin later never does.
func QueueEndMarket(b *database.Batch, code string, at time.Time) {
	database.QueueEndVersions(b, "markets", database.Args{"code": code}, at)
	changes.QueueRulesChanged(b)
}

// QueuePutRounding does the same for a rounding rule.
func QueuePutRounding(b *database.Batch, r RoundingRule, change uuid.UUID) {
	database.QueueVersion(b, "rounding_rules", []string{"name"}, database.Args{
		"name": r.Name, "valid_from": r.Period.From, "valid_to": database.NullTime(r.Period.To),
		"modulus_minor": r.Modulus, "ending_minor": r.Ending, "mode": string(r.Mode), "change_id": change,
	})
	changes.QueueRulesChanged(b)
}

// QueuePutTax does the same for a tax rate.
func QueuePutTax(b *database.Batch, t TaxRate, change uuid.UUID) {
	database.QueueVersion(b, "tax_rates", []string{"country", "state", "category"}, database.Args{
		"country": t.Country, "state": t.State, "category": t.Category, "valid_from": t.Period.From, "valid_to": database.NullTime(t.Period.To),
		"rate_mpct": t.RateMPct, "source": t.Source, "change_id": change,
	})
	changes.QueueRulesChanged(b)
}
