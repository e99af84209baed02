package finance

import (
	"errors"
	"regexp"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// TaxRule is a version of a tax rate.
type TaxRule struct {
	Country string `json:"country"`
	// State is an ISO 3166-2 code without the country; empty for the country's own rate.
	State    string `json:"state"`
	Category string `json:"category"`
	// RatePercent is a decimal such as 19 or 14.975.
	RatePercent money.Decimal `json:"rate_percent"`
	Source      string        `json:"source"`
}

func (t *TaxRule) kind() string { return KindTax }

func (t *TaxRule) subject() string {
	if t.State == "" {
		return t.Country + " " + t.Category
	}
	return t.Country + "-" + t.State + " " + t.Category
}

var stateText = regexp.MustCompile(`^[A-Z0-9]{0,3}$`)

func (t *TaxRule) check(f *invalid.List, _ *pricing.Rules, _ time.Time) {
	if !countryText.MatchString(t.Country) {
		f.Add("country", "must be an ISO 3166-1 code in upper case, such as IE")
	}
	if !stateText.MatchString(t.State) {
		f.Add("state", "must be an ISO 3166-2 code without the country, such as ON, or empty")
	}
	if t.Category != pricing.TaxStandard && t.Category != pricing.TaxReduced {
		f.Add("category", "must be %s or %s", pricing.TaxStandard, pricing.TaxReduced)
	}
	if rate, ok := t.mpct(); !ok || rate < 0 || rate > 100_000 {
		f.Add("rate_percent", "must be a decimal from 0 to 100 with at most three decimals, such as 14.975")
	}
	t.Source = f.Line("source", t.Source, 1, 200)
}

// mpct returns the rate in thousandths of a percent.
func (t *TaxRule) mpct() (rate int64, ok bool) {
	return t.RatePercent.Scaled(3), t.RatePercent.Exact(3)
}

// old counts the step in parts of the price: from 19 % to 21 % it is 200 basis points.
func (t *TaxRule) old(rules *pricing.Rules, at time.Time, limit ApproveAbove) (any, bool) {
	rate, _ := t.mpct()
	before := rules.Tax(pricing.Destination{Country: t.Country, State: t.State}, t.Category, at)
	if before == nil {
		return nil, rate > 10*limit.ChangeBP
	}
	record := TaxRule{before.Country, before.State, before.Category, before.Percent(), before.Source}
	return record, max(rate-before.RateMPct, before.RateMPct-rate) > 10*limit.ChangeBP
}

func (t *TaxRule) queue(b *database.Batch, from time.Time, change uuid.UUID) error {
	rate, ok := t.mpct()
	if !ok {
		return errors.New("the tax rate has more than three decimals")
	}
	pricing.QueuePutTax(b, pricing.TaxRate{Country: t.Country, State: t.State, Category: t.Category, Period: pricing.Period{From: from},
		RateMPct: rate, Source: t.Source}, change)
	return nil
}
