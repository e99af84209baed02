package pricing

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/money"
	"meridian/internal/pricing/changes"
	"meridian/internal/promotion"
)

// Rules are all that decides on prices but the prices themselves: markets, rounding, taxes,
// exchange rates, the heads of price lists, and promotions; of each all versions in force
// since Since. They never change after loading and are safe for concurrent use.
type Rules struct {
	// Version moves with every change of a rule.
	Version int64
	// Since is the earliest moment that the rules can be asked about.
	Since time.Time

	Rates      *fx.Table
	Promotions *promotion.Set

	markets   map[string][]*Market
	codes     []string // of the markets, sorted
	roundings map[string][]*RoundingRule
	taxes     map[place][]*TaxRate
	lists     map[string]*List
	ratios    ratios
}

// RuleRows are rules as the database has them.
type RuleRows struct {
	version    int64
	since      time.Time
	markets    []*Market
	roundings  []*RoundingRule
	taxes      []*TaxRate
	lists      []*List
	rates      []fx.Rate
	promotions []promotion.Promotion
}

// QueueRules adds to a batch the reading of all rules in force at since or later.
func QueueRules(b *database.Batch, since time.Time, into *RuleRows) {
	QueuePastRules(b, since, time.Time{}, into)
}

// QueuePastRules is QueueRules for moments not after until, so that the exchange rates since
// then are left out; zero takes all to come.
func QueuePastRules(b *database.Batch, since, until time.Time, into *RuleRows) {
	*into = RuleRows{since: since}
	changes.QueueVersion(b, &into.version)
	b.Queue(`
SELECT `+marketColumns+`
FROM markets
WHERE valid_to IS NULL OR valid_to > $1
ORDER BY code, valid_from`, since).Query(database.Collect(&into.markets, scanMarket))
	b.Queue(`
SELECT `+roundingColumns+`
FROM rounding_rules
WHERE valid_to IS NULL OR valid_to > $1
ORDER BY name, valid_from`, since).Query(database.Collect(&into.roundings, scanRounding))
	b.Queue(`
SELECT `+taxColumns+`
FROM tax_rates
WHERE valid_to IS NULL OR valid_to > $1
ORDER BY country, state, category, valid_from`, since).Query(database.Collect(&into.taxes, scanTax))
	b.Queue(`
SELECT `+listColumns+`
FROM price_lists
WHERE valid_to IS NULL OR valid_to > $1`, since).Query(database.Collect(&into.lists, scanList))
	fx.QueueLoad(b, since, until, &into.rates)
	promotion.QueueLoad(b, since, &into.promotions)
}

const (
	marketColumns = `code, valid_from, valid_to, change_id, title, countries, currency, prices_include_tax, multiplier, ` +
		`from_base_price, rounding`
	roundingColumns = `name, valid_from, valid_to, change_id, modulus_minor, ending_minor, mode`
	taxColumns      = `country, state, category, valid_from, valid_to, change_id, rate_mpct, source`
	listColumns     = `code, title, kind, currency, market, customer_group, priority, valid_from, valid_to, version`
)

func scanMarket(row pgx.CollectableRow) (*Market, error) {
	m := new(Market)
	var to *time.Time
	err := row.Scan(&m.Code, &m.Period.From, &to, &m.ChangeID, &m.Title, &m.Countries, &m.Currency,
		&m.PricesIncludeTax, &m.Multiplier, &m.FromBasePrice, &m.Rounding)
	m.Period.To = database.TimeOrZero(to)
	return m, err
}

func scanRounding(row pgx.CollectableRow) (*RoundingRule, error) {
	r := new(RoundingRule)
	var to *time.Time
	err := row.Scan(&r.Name, &r.Period.From, &to, &r.ChangeID, &r.Modulus, &r.Ending, &r.Mode)
	r.Period.To = database.TimeOrZero(to)
	return r, err
}

func scanTax(row pgx.CollectableRow) (*TaxRate, error) {
	t := new(TaxRate)
	var to *time.Time
	err := row.Scan(&t.Country, &t.State, &t.Category, &t.Period.From, &to, &t.ChangeID, &t.RateMPct, &t.Source)
	t.Period.To = database.TimeOrZero(to)
	return t, err
}

func scanList(row pgx.CollectableRow) (*List, error) {
	l := new(List)
	var to *time.Time
	err := row.Scan(&l.Code, &l.Title, &l.Kind, &l.Currency, &l.Market, &l.Group, &l.Priority, &l.Period.From, &to, &l.Version)
	l.Period.To = database.TimeOrZero(to)
	return l, err
}

// NewRules puts rules in order.
func NewRules(rows RuleRows) *Rules {
	r := &Rules{
		Version: rows.version, Since: rows.since,
		Rates: fx.NewTable(rows.rates), Promotions: promotion.NewSet(rows.promotions),
		markets: make(map[string][]*Market), roundings: make(map[string][]*RoundingRule),
		taxes: make(map[place][]*TaxRate, len(rows.taxes)), lists: make(map[string]*List, len(rows.lists)),
	}
	for _, m := range rows.markets {
		if len(r.markets[m.Code]) == 0 {
			r.codes = append(r.codes, m.Code)
		}
		r.markets[m.Code] = append(r.markets[m.Code], m)
	}
	slices.Sort(r.codes)
	for _, rule := range rows.roundings {
		r.roundings[rule.Name] = append(r.roundings[rule.Name], rule)
	}
	for _, t := range rows.taxes {
		key := place{t.Country, t.State, t.Category}
		r.taxes[key] = append(r.taxes[key], t)
	}
	for _, l := range rows.lists {
		r.lists[l.Code] = l
	}
	return r
}

// List returns the head of a price list, or nil.
func (r *Rules) List(code string) *List { return r.lists[code] }

// ListsFor returns the codes of the price lists for one market alone that are in force at a moment or
// later, sorted.
func (r *Rules) ListsFor(market string, at time.Time) []string {
	var codes []string
	for code, l := range r.lists {
		if l.Market == market && (l.Period.To.IsZero() || l.Period.To.After(at)) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// one is the multiplier that changes nothing.
var one = money.NewDecimal(1, 0)
