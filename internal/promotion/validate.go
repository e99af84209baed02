package promotion

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"meridian/internal/invalid"
	"meridian/internal/money"
)

// Bounds of a promotion.
const (
	maxTitle    = 200
	maxPriority = 1_000_000
	maxLimit    = 1_000_000_000_000
	maxMinor    = 1_000_000_000_000
	maxUnits    = 1_000_000
	maxListed   = 100
	maxSKUs     = 1_000
	// ISO 4217 has fewer.
	maxCurrencies = 200
)

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	couponPattern = regexp.MustCompile(`^[A-Z0-9_-]{3,40}$`)
	codePattern   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	groupPattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)
)

// Validate reports everything that is wrong with a promotion as a *invalid.Error; nil if nothing
// is. Whether its markets, categories and SKUs exist is not looked at.
func (p Promotion) Validate() error {
	var faults invalid.List
	if !idPattern.MatchString(p.ID) {
		faults.Add("code", "must be 1 to 64 lower-case letters, digits, dots, underscores and hyphens, such as summer-2026")
	}
	faults.Line("title", p.Title, 1, maxTitle)
	if p.Coupon != "" && !couponPattern.MatchString(p.Coupon) {
		faults.Add("coupon",
			"must be 3 to 40 upper-case letters, digits, underscores and hyphens, or empty for a promotion that applies by itself")
	}
	within(&faults, "priority", p.Priority, -maxPriority, maxPriority)
	within(&faults, "total_limit", p.TotalLimit, 0, maxLimit)
	within(&faults, "customer_limit", p.CustomerLimit, 0, maxLimit)
	if p.ValidTo != nil && !p.ValidTo.After(p.ValidFrom) {
		faults.Add("valid_to", "must be after valid_from")
	}
	var spec invalid.List
	p.Spec.check(&spec)
	faults.AddAll("spec", spec.Err("promotion"))
	return faults.Err("promotion")
}

func (s Spec) check(faults *invalid.List) {
	if !slices.Contains(stackingOrder, s.Kind) {
		faults.Add("kind", "must be one of percentage, amount, buy_x_get_y and free_shipping")
		return
	}
	s.checkOwn(faults, Percentage, "percent_bp", s.PercentBP, 1, whole)
	s.checkOwn(faults, BuyXGetY, "buy", s.Buy, 1, maxUnits)
	s.checkOwn(faults, BuyXGetY, "get", s.Get, 1, maxUnits)
	s.checkOwn(faults, BuyXGetY, "get_percent_bp", s.GetPercentBP, 0, whole)
	switch {
	case s.Kind == AmountOff && len(s.Amounts) == 0:
		faults.Add("amounts", "must have a currency at least, such as EUR")
	case s.Kind != AmountOff && len(s.Amounts) > 0:
		faults.Add("amounts", "must be left out: they are for the kind %s", AmountOff)
	}
	checkAmounts(faults, "amounts", s.Amounts)
	s.Conditions.check(faults)
}

// checkOwn checks a number that one kind has and the others leave out.
func (s Spec) checkOwn(faults *invalid.List, kind Kind, field string, value, least, most int64) {
	switch {
	case s.Kind == kind:
		within(faults, field, value, least, most)
	case value != 0:
		faults.Add(field, "must be left out: it is for the kind %s", kind)
	}
}

func (c Conditions) check(faults *invalid.List) {
	const part = "conditions."
	checkCodes(faults, part+"markets", c.Markets, maxListed, codePattern)
	checkCodes(faults, part+"groups", c.Groups, maxListed, groupPattern)
	checkCodes(faults, part+"categories", c.Categories, maxListed, codePattern)
	checkCodes(faults, part+"skus", c.SKUs, maxSKUs, codePattern)
	if len(c.Currencies) > maxCurrencies {
		faults.Add(part+"currencies", "must be at most %d", maxCurrencies)
	}
	for i, currency := range c.Currencies[:min(len(c.Currencies), maxCurrencies)] {
		checkCurrency(faults, fmt.Sprintf("%scurrencies[%d]", part, i), currency)
	}
	checkAmounts(faults, part+"min_subtotals", c.MinSubtotals)
	within(faults, part+"min_quantity", c.MinQuantity, 0, maxUnits)
}

func checkCodes(faults *invalid.List, field string, codes []string, most int, pattern *regexp.Regexp) {
	if len(codes) > most {
		faults.Add(field, "must be at most %d", most)
		return
	}
	for i, code := range codes {
		if !pattern.MatchString(code) {
			faults.Add(fmt.Sprintf("%s[%d]", field, i), "must be at most 64 letters, digits, dots, underscores and hyphens")
		}
	}
}

func checkAmounts(faults *invalid.List, field string, amounts map[money.Currency]int64) {
	for _, currency := range slices.Sorted(maps.Keys(amounts)) {
		name := field + "." + string(currency)
		if checkCurrency(faults, name, currency) {
			within(faults, name, amounts[currency], 1, maxMinor)
		}
	}
}

func checkCurrency(faults *invalid.List, field string, currency money.Currency) bool {
	_, err := money.ParseCurrency(string(currency))
	if err != nil {
		faults.Add(field, "must be a currency of ISO 4217 in upper case, such as EUR")
	}
	return err == nil
}

func within[N cmp.Ordered](faults *invalid.List, field string, value, least, most N) {
	if value < least || value > most {
		faults.Add(field, "must be %v to %v", least, most)
	}
}
