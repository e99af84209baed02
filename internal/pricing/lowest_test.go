package pricing

import (
	"testing"
	"time"

	"meridian/internal/fx"
	"meridian/internal/money"
)

// TestLowest: the sale of all but one began on 20 March, so that the 30 days before it are
// those from 18 February on.
func TestLowest(t *testing.T) {
	const begin = "2026-03-20"
	reduced := Entry{List: "sale", MinQuantity: 1, AmountMinor: 500, Period: from(begin)}
	price := func(minor int64, p Period) Entry {
		return Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: minor, Period: p}
	}
	earlier := Entry{List: "sale", MinQuantity: 1, AmountMinor: 600, Period: between("2026-03-01", "2026-03-05")}
	tests := []struct {
		name    string
		entries []Entry
		want    int64
		none    bool
	}{
		{"one price all the time", []Entry{price(1000, from("2020-01-01")), reduced}, 1000, false},
		{"it was less for a day", []Entry{price(900, between("2020-01-01", "2026-03-01")), price(800, between("2026-03-01", "2026-03-02")),
			price(1000, from("2026-03-02")), reduced}, 800, false},
		{"what ended with the first moment does not count", []Entry{price(800, between("2020-01-01", "2026-02-18")),
			price(1000, from("2026-02-18")), reduced}, 1000, false},
		{"what ended within it does", []Entry{price(800, between("2020-01-01", "2026-02-19")), price(1000, from("2026-02-19")), reduced}, 800,
			false},
		{"raised just before", []Entry{price(700, between("2020-01-01", "2026-03-19")), price(1000, from("2026-03-19")), reduced}, 700, false},
		{"an earlier sale", []Entry{price(1000, from("2020-01-01")), earlier, reduced}, 600, false},
		{"what it cost during the sale does not count", []Entry{price(1000, between("2020-01-01", "2026-03-25")),
			price(550, from("2026-03-25")), reduced}, 1000, false},
		{"there only for some of the time", []Entry{price(1000, from("2026-03-10")), reduced}, 1000, false},
		{"new with its sale", []Entry{price(1000, from(begin)), reduced}, 0, true},
		{"no sale", []Entry{price(1000, from("2020-01-01"))}, 0, true},
		{"a sale that takes nothing off", []Entry{price(400, from("2020-01-01")), reduced}, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules := rulesWith(withLists(List{Code: "sale", Kind: Sale, Currency: "EUR"}))
			got, ok := rules.Lowest(article(test.entries...), asking(t, rules, "eu", "EUR"))
			if ok == test.none || got != test.want {
				t.Errorf("%d, %t, want %d", got, ok, test.want)
			}
		})
	}
}

// TestLowest_LongSale: a sale that has run for months is still compared with what was before it,
// as far back as prices are read.
func TestLowest_LongSale(t *testing.T) {
	rules := rulesWith(withLists(List{Code: "sale", Kind: Sale, Currency: "EUR"}))
	for begin, want := range map[string]int64{"2025-10-01": 900, "2025-05-10": 950, "2025-04-30": 0} {
		a := article(
			Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 900, Period: between("2025-09-10", "2025-09-11")},
			Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 950, Period: between("2025-05-02", "2025-05-03")},
			Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 800, Period: between("2025-04-20", "2025-04-21")}, // beyond the reach
			Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1000, Period: from("2026-01-01")},
			Entry{List: "sale", MinQuantity: 1, AmountMinor: 500, Period: from(begin)})
		if got, ok := rules.Lowest(a, asking(t, rules, "eu", "EUR")); ok != (want > 0) || got != want {
			t.Errorf("since %s: %d, %t, want %d", begin, got, ok, want)
		}
	}
}

// TestLowest_ListBegins: it is the list whose beginning makes the sale, its entries are older.
func TestLowest_ListBegins(t *testing.T) {
	rules := rulesWith(withLists(List{Code: "sale", Kind: Sale, Currency: "EUR", Period: from("2026-03-20")}))
	a := article(entry("sale", 500), Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 900,
		Period: between("2020-01-01", "2026-03-01")},
		Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1000, Period: from("2026-03-01")})
	if got, ok := rules.Lowest(a, asking(t, rules, "eu", "EUR")); !ok || got != 900 {
		t.Errorf("%d, %t, want 900", got, ok)
	}
}

// TestLowest_Converted: a converted price moves with the rate and with its market, and each of
// these steps counts.
func TestLowest_Converted(t *testing.T) {
	sale := withLists(List{Code: "sale", Kind: Sale, Currency: "USD", Period: from("2026-03-20")})
	a := article(entry("catalogue-EUR", 1000), entry("sale", 500))
	dollar := func(day string, coefficient int64) fx.Rate {
		return fx.Rate{Currency: "USD", Source: fx.SourceECB, Day: day, Rate: money.NewDecimal(coefficient, 2), ValidFrom: noon(day)}
	}
	t.Run("rates", func(t *testing.T) {
		rules := rulesWith(sale, func(rows *RuleRows) {
			rows.rates = []fx.Rate{dollar("2026-01-01", 90), dollar("2026-02-10", 115), dollar("2026-03-03", 105), dollar("2026-03-04", 120),
				dollar("2026-03-21", 80)}
		})
		if got, ok := rules.Lowest(a, asking(t, rules, "world", "USD")); !ok || got != 1050 {
			t.Errorf("%d, %t, want 1050, the price of 3 March", got, ok)
		}
	})
	t.Run("market", func(t *testing.T) {
		rules := rulesWith(sale, func(rows *RuleRows) {
			rows.rates = []fx.Rate{dollar("2026-01-01", 100)}
			then := *rows.markets[len(rows.markets)-1]
			then.Period, then.Multiplier = between("2020-01-01", "2026-03-10"), money.NewDecimal(8, 1)
			now := then
			now.Period, now.Multiplier = from("2026-03-10"), money.NewDecimal(13, 1)
			rows.markets = append(rows.markets[:len(rows.markets)-1], &then, &now)
		})
		if got, ok := rules.Lowest(a, asking(t, rules, "world", "USD")); !ok || got != 800 {
			t.Errorf("%d, %t, want 800, the price by the market's multiplier until 10 March", got, ok)
		}
	})
}

func TestNext(t *testing.T) {
	rules := rulesWith(func(rows *RuleRows) {
		rows.rates = append(rows.rates, fx.Rate{Currency: "USD", Source: fx.SourceECB, Day: today, Rate: one,
			ValidFrom: noon(today).Add(40 * time.Minute)})
	})
	ends := Period{From: noon("2020-01-01"), To: noon(today).Add(20 * time.Minute)}
	tests := []struct {
		name     string
		article  *PricedSKU
		currency money.Currency
		want     time.Duration
	}{
		{"nothing changes", article(entry("catalogue-EUR", 1)), "EUR", time.Hour},
		{"a price ends", article(Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1, Period: ends}), "EUR", 20 * time.Minute},
		{"a rate begins", article(entry("catalogue-EUR", 1)), "USD", 40 * time.Minute},
	}
	for _, test := range tests {
		if got := rules.Next(test.article, asking(t, rules, "world", test.currency)); !got.Equal(noon(today).Add(test.want)) {
			t.Errorf("%s: %s, want in %s", test.name, got, test.want)
		}
	}
}

// TestNextWithin: the next moment at which a price may move, near or far. Exchange rates and rules of rounding count
// only where the price follows from them.
func TestNextWithin(t *testing.T) {
	catalogueEUR := entry("catalogue-EUR", 1000)
	ends := Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1000, Period: between("2020-01-01", "2026-04-03")}
	rateOf := func(c money.Currency) func(*RuleRows) {
		return func(rows *RuleRows) {
			rows.rates = append(rows.rates, fx.Rate{Currency: c, Source: fx.SourceECB, Day: "2026-04-02", Rate: money.NewDecimal(13, 1),
				ValidFrom: noon("2026-04-02")})
		}
	}
	rounding := func(rows *RuleRows) {
		rows.roundings[0].Period.To = noon("2026-04-02")
		rows.roundings = append(rows.roundings, &RoundingRule{Rounding: money.Rounding{Name: "cash-5", Modulus: 10, Mode: money.HalfUp},
			Period: from("2026-04-02")})
	}
	tests := []struct {
		name     string
		market   string
		currency money.Currency
		change   func(*RuleRows)
		entries  []Entry
		want     string // a day, or none
	}{
		{"nothing ever", "eu", "EUR", nil, []Entry{catalogueEUR}, ""},
		{"its entry ends", "eu", "EUR", nil, []Entry{ends}, "2026-04-03"},
		{"an entry of another list begins", "eu", "EUR", withLists(List{Code: "special", Kind: Regular, Currency: "EUR"}),
			[]Entry{catalogueEUR, {List: "special", MinQuantity: 1, AmountMinor: 5, Period: from("2026-04-04")}}, "2026-04-04"},
		{"a rate of a converted price", "us", "USD", rateOf("USD"), []Entry{catalogueEUR}, "2026-04-02"},
		{"a rate of a price in a list", "us", "USD", rateOf("USD"), []Entry{catalogueEUR, entry("catalogue-USD", 1200)}, ""},
		{"a rounding rule of a converted price", "ch", "CHF", rounding, []Entry{catalogueEUR}, "2026-04-02"},
		{"a rate of a price there is not yet", "uk", "GBP", func(rows *RuleRows) {
			rateOf("GBP")(rows)
			rows.markets = append(rows.markets, &Market{Code: "uk", Currency: "GBP", Period: from("2020-01-01"), Multiplier: one})
		}, []Entry{catalogueEUR}, "2026-04-02"},
		{"beyond the horizon", "eu", "EUR", nil, []Entry{{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1000,
			Period: between("2020-01-01", "2026-04-12")}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*RuleRows) {}
			}
			rules := rulesWith(change)
			got, ok := rules.NextWithin(article(test.entries...), asking(t, rules, test.market, test.currency), 10*24*time.Hour)
			if want := test.want; ok != (want != "") || ok && !got.Equal(noon(want)) {
				t.Errorf("%s, %t, want %q", got, ok, want)
			}
		})
	}
}
