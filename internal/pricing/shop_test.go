package pricing

import (
	"testing"
	"time"

	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/seed"
)

// noon is 12:00 UTC of a day such as 2026-04-13.
func noon(day string) time.Time {
	midnight, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return midnight.Add(12 * time.Hour)
}

// from and between are periods that begin, and end, at noon.
func from(day string) Period { return Period{From: noon(day)} }

func between(first, end string) Period { return Period{From: noon(first), To: noon(end)} }

// today is the moment that most tests ask about; everything of testRows is in force.
const today = "2026-04-01"

// testRows are the rules of a small shop. Prices in euro, dollars and pounds are its sellers';
// there are rates for dollars, francs and yen, and none for pounds.
func testRows() RuleRows {
	always := from("2020-01-01")
	market := func(code, title string, currency money.Currency, includes bool, countries ...string) *Market {
		return &Market{Code: code, Title: title, Period: always, Countries: countries, Currency: currency, PricesIncludeTax: includes,
			Multiplier: one}
	}
	ch, jp := market("ch", "Switzerland", "CHF", true, "CH"), market("jp", "Japan", "JPY", true, "JP")
	ch.Rounding = map[money.Currency]string{"CHF": "cash-5"}
	jp.Rounding, jp.Multiplier = map[money.Currency]string{"": "ending-900"}, money.NewDecimal(11, 1)
	rule := func(name string, modulus, ending int64, mode money.Mode) *RoundingRule {
		return &RoundingRule{Rounding: money.Rounding{Name: name, Modulus: modulus, Ending: ending, Mode: mode}, Period: always}
	}
	tax := func(country, state, category string, rate int64) *TaxRate {
		return &TaxRate{Country: country, State: state, Category: category, Period: always, RateMPct: rate, Source: "a test"}
	}
	rate := func(c money.Currency, day string, coefficient int64, decimals int) fx.Rate {
		return fx.Rate{Currency: c, Source: fx.SourceECB, Day: day, Rate: money.NewDecimal(coefficient, decimals),
			ValidFrom: noon(day).Add(3 * time.Hour)}
	}
	rows := RuleRows{
		version: 1, since: noon("2020-01-01"),
		markets: []*Market{ch, market("eu", "Europe", "EUR", true, "DE", "IE", "FI", "ES"), jp,
			market("us", "United States", "USD", false, "US", "CA"), market("world", "World", "USD", true)},
		roundings: []*RoundingRule{rule("cash-5", 5, 0, money.HalfUp), rule("ending-900", 1000, 900, money.HalfUp),
			rule("ending-99", 100, 99, money.HalfUp)},
		taxes: []*TaxRate{
			tax("DE", "", TaxStandard, 19_000), tax("DE", "", TaxReduced, 7_000), tax("FI", "", TaxStandard, 25_500),
			tax("IE", "", TaxStandard, 23_000), tax("ES", "", TaxStandard, 21_000), tax("ES", "CE", TaxStandard, 0),
			tax("US", "", TaxStandard, 0), tax("US", "TX", TaxStandard, 6_250), tax("US", "MN", TaxStandard, 6_875),
			tax("CA", "", TaxStandard, 5_000), tax("CA", "ON", TaxStandard, 13_000), tax("CA", "ON", TaxReduced, 13_000),
			tax("CA", "QC", TaxStandard, 14_975), tax("CH", "", TaxStandard, 8_100), tax("JP", "", TaxStandard, 10_000),
		},
		rates: []fx.Rate{
			rate("USD", "2026-03-02", 11, 1), rate("USD", "2026-03-30", 12, 1), rate("CHF", "2026-03-02", 95, 2), rate("JPY", "2026-03-02", 160, 0),
		},
	}
	for _, c := range []money.Currency{"EUR", "USD", "GBP", "JPY", "CHF"} {
		rows.lists = append(rows.lists, &List{Code: CatalogueList(c), Title: "Catalogue", Kind: Catalogue, Currency: c,
			Period: from("1970-01-01")})
	}
	return rows
}

// rulesWith are the rules of testRows, changed.
func rulesWith(changes ...func(*RuleRows)) *Rules {
	rows := testRows()
	for _, change := range changes {
		change(&rows)
	}
	return NewRules(rows)
}

// withLists adds lists, in force since 2020 unless they say otherwise.
func withLists(lists ...List) func(*RuleRows) {
	return func(rows *RuleRows) {
		for _, l := range lists {
			if l.Period == (Period{}) {
				l.Period = from("2020-01-01")
			}
			rows.lists = append(rows.lists, &l)
		}
	}
}

// entry is the price of one unit in a list since 2020.
func entry(list string, minor int64) Entry {
	return Entry{List: list, MinQuantity: 1, AmountMinor: minor, Period: from("2020-01-01")}
}

// article is SKU A, whose base currency is the euro.
func article(entries ...Entry) *PricedSKU {
	return &PricedSKU{SKU: "A", BaseCurrency: "EUR", TaxCategory: TaxStandard, Category: "hg", Sellable: true, Entries: entries}
}

// asking is an ask of today in a market and a currency.
func asking(t testing.TB, r *Rules, market string, c money.Currency) Ask {
	t.Helper()
	return askingAt(t, r, market, c, noon(today))
}

func askingAt(t testing.TB, r *Rules, market string, c money.Currency, at time.Time) Ask {
	t.Helper()
	return Ask{Market: testkit.Must(r.Market(market, at))(t), Currency: c, At: at}
}

// seedGoods puts SKUs A to E, without prices, into a database.
func seedGoods(t testing.TB, db *database.DB) {
	t.Helper()
	seed.Products(t, db, seed.Product{Slug: "mug", SKUs: []seed.SKU{{Code: "A"}, {Code: "B"}, {Code: "C"}, {Code: "D"}, {Code: "E"}}})
}
