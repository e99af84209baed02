package pricing

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/fx"
	"meridian/internal/money"
	"meridian/internal/testkit"
)

// TestUnit_Selection has price lists compete for one SKU.
func TestUnit_Selection(t *testing.T) {
	everybody := List{Code: "everybody", Kind: Regular, Currency: "EUR"}
	group := List{Code: "group", Kind: Regular, Currency: "EUR", Group: "b2b"}
	market := List{Code: "market", Kind: Regular, Currency: "EUR", Market: "eu"}
	both := List{Code: "both", Kind: Regular, Currency: "EUR", Market: "eu", Group: "b2b"}
	preferred := List{Code: "preferred", Kind: Regular, Currency: "EUR", Priority: 1}
	secondary := List{Code: "zz", Kind: Regular, Currency: "EUR"}
	sale := List{Code: "sale", Kind: Sale, Currency: "EUR"}
	groupSale := List{Code: "group-sale", Kind: Sale, Currency: "EUR", Group: "b2b"}
	cost := List{Code: "cost", Kind: Cost, Currency: "EUR"}
	ended := List{Code: "ended", Kind: Regular, Currency: "EUR", Priority: 9, Period: between("2025-01-01", "2026-03-01")}
	notYet := List{Code: "not-yet", Kind: Regular, Currency: "EUR", Priority: 9, Period: from("2026-05-01")}
	dollars := List{Code: "dollars", Kind: Regular, Currency: "USD", Priority: 9}

	catalogue := entry("catalogue-EUR", 1000)
	ten := Entry{List: "everybody", MinQuantity: 10, AmountMinor: 700, Period: from("2020-01-01")}
	tests := []struct {
		name     string
		lists    []List
		entries  []Entry
		group    string
		quantity int64
		want     string // the list that decides
		minor    int64
	}{
		{"the seller's", nil, []Entry{catalogue}, "", 1, "catalogue-EUR", 1000},
		{"finance before the seller, though dearer", []List{everybody}, []Entry{catalogue, entry("everybody", 1200)}, "", 1, "everybody", 1200},
		{"priority", []List{everybody, preferred}, []Entry{entry("everybody", 900), entry("preferred", 950)}, "", 1, "preferred", 950},
		{"code, where all else is equal", []List{secondary, everybody}, []Entry{entry("zz", 800), entry("everybody", 900)}, "", 1, "everybody",
			900},
		{"the market before all, whatever the priority", []List{preferred, market}, []Entry{entry("preferred", 800), entry("market", 990)}, "",
			1, "market", 990},
		{"the group before the market", []List{market, group}, []Entry{entry("market", 800), entry("group", 850)}, "b2b", 1, "group", 850},
		{"group and market before the group", []List{group, both}, []Entry{entry("group", 800), entry("both", 850)}, "b2b", 1, "both", 850},
		{"another's group", []List{group, both}, []Entry{catalogue, entry("group", 1), entry("both", 1)}, "", 1, "catalogue-EUR", 1000},
		{"another market", []List{{Code: "swiss", Kind: Regular, Currency: "EUR", Market: "ch"}}, []Entry{catalogue, entry("swiss", 1)}, "", 1,
			"catalogue-EUR", 1000},
		{"another currency", []List{dollars}, []Entry{catalogue, entry("dollars", 1)}, "", 1, "catalogue-EUR", 1000},
		{"what it costs the shop", []List{cost}, []Entry{catalogue, entry("cost", 1)}, "", 1, "catalogue-EUR", 1000},
		{"a list that is over, one to come, one that there is not", []List{ended, notYet},
			[]Entry{catalogue, entry("ended", 1), entry("not-yet", 1), entry("nowhere", 1)}, "", 1, "catalogue-EUR", 1000},
		{"too few for the break", []List{everybody}, []Entry{entry("everybody", 900), ten}, "", 9, "everybody", 900},
		{"enough for the break", []List{everybody}, []Entry{entry("everybody", 900), ten}, "", 10, "everybody", 700},
		{"a break alone does not price less", []List{everybody}, []Entry{catalogue, ten}, "", 9, "catalogue-EUR", 1000},
		{"a sale", []List{sale}, []Entry{catalogue, entry("sale", 999)}, "", 1, "sale", 999},
		{"a sale that is no less", []List{sale}, []Entry{catalogue, entry("sale", 1000)}, "", 1, "catalogue-EUR", 1000},
		{"a sale that is more than the break", []List{everybody, sale}, []Entry{entry("everybody", 900), ten, entry("sale", 800)}, "", 10,
			"everybody", 700},
		{"a sale beside the group's price", []List{group, sale}, []Entry{entry("group", 900), entry("sale", 850)}, "b2b", 1, "sale", 850},
		{"the group's sale before everybody's", []List{sale, groupSale}, []Entry{catalogue, entry("sale", 800), entry("group-sale", 850)},
			"b2b", 1, "group-sale", 850},
		{"free", []List{everybody}, []Entry{entry("everybody", 0)}, "", 1, "everybody", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules := rulesWith(withLists(test.lists...))
			ask := asking(t, rules, "eu", "EUR")
			ask.Group = test.group
			got := testkit.Must(rules.Unit(article(test.entries...), ask, test.quantity))(t)
			if got.List == nil || got.List.Code != test.want || got.AmountMinor != test.minor {
				t.Errorf("%d by %+v, want %d by %s", got.AmountMinor, got.List, test.minor, test.want)
			}
		})
	}
}

// TestUnit_AsOf asks for one price at many moments: what was in force can always be asked for,
// and what is to come.
func TestUnit_AsOf(t *testing.T) {
	rules := rulesWith()
	a := article(
		Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 100, Period: between("2026-01-01", "2026-02-01")},
		Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 150, Period: between("2026-02-01", "2026-02-01")}, // called off
		Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 200, Period: between("2026-02-01", "2026-05-01")},
		Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 300, Period: from("2026-05-01")})
	for at, want := range map[time.Time]int64{
		noon("2026-01-01"):                       100,
		noon("2026-02-01").Add(-time.Nanosecond): 100,
		noon("2026-02-01"):                       200,
		noon(today):                              200,
		noon("2026-05-01"):                       300,
		noon("2030-01-01"):                       300,
	} {
		if got := testkit.Must(rules.Unit(a, askingAt(t, rules, "eu", "EUR", at), 1))(t); got.AmountMinor != want {
			t.Errorf("at %s it costs %d, want %d", at, got.AmountMinor, want)
		}
	}
	var none *NoPriceError
	if got, err := rules.Unit(a, askingAt(t, rules, "eu", "EUR", noon("2025-12-31")), 1); !errors.As(err, &none) || none.SKU != "A" ||
		none.Currency != "EUR" {
		t.Errorf("before its first price it costs %+v, %v", got, err)
	}
}

func TestUnit_Converted(t *testing.T) {
	tests := []struct {
		name     string
		market   string
		currency money.Currency
		at       string
		base     int64
		want     int64
	}{
		{"to the minor unit, half to even", "world", "USD", "2026-03-10", 1005, 1106},        // 1105.5
		{"half to even the other way", "world", "USD", "2026-03-10", 1015, 1116},             // 1116.5
		{"at the next rate", "world", "USD", today, 1005, 1206},                              //
		{"no decimals, the market's ending and multiplier", "jp", "JPY", today, 10_00, 1900}, // 1760
		{"the nearest ending may be the one below", "jp", "JPY", today, 13_00, 1900},         // 2288
		{"half up", "jp", "JPY", "2026-03-10", 1_363_64, 239_900},                            // 240000.64
		{"another market rounds otherwise", "eu", "JPY", today, 1000, 1600},
		{"to what can be paid in cash", "ch", "CHF", today, 1000, 950},
		{"cash, up", "ch", "CHF", today, 1003, 955},   // 952.85
		{"cash, down", "ch", "CHF", today, 1002, 950}, // 951.9
		{"never to nothing", "ch", "CHF", today, 1, 5},
		{"but what is free stays so", "ch", "CHF", today, 0, 0},
	}
	rules := rulesWith()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := testkit.Must(rules.Unit(article(entry("catalogue-EUR", test.base)),
				askingAt(t, rules, test.market, test.currency, noon(test.at)), 7))(t)
			if got.AmountMinor != test.want || !got.Converted() || got.BaseList.Code != "catalogue-EUR" || got.List != nil {
				t.Errorf("%+v, want %d, converted from the euro", got, test.want)
			}
		})
	}
}

// TestUnit_ConvertedThroughEuro: neither currency is the euro.
func TestUnit_ConvertedThroughEuro(t *testing.T) {
	rules := rulesWith()
	a := article(entry("catalogue-EUR", 1), entry("catalogue-USD", 1200),
		Entry{List: "catalogue-USD", MinQuantity: 10, AmountMinor: 1, Period: from("2020-01-01")})
	a.BaseCurrency = "USD"
	got := testkit.Must(rules.Unit(a, asking(t, rules, "ch", "CHF"), 10))(t)
	if got.AmountMinor != 950 || got.Rates[0].Currency != "USD" || got.Rates[0].Day != "2026-03-30" || got.Rates[1].Currency != "CHF" {
		t.Errorf("%+v, want 950 by the rates of dollar and franc, from the price of one unit", got)
	}
}

func TestUnit_NoPrice(t *testing.T) {
	based := func(c money.Currency, entries ...Entry) *PricedSKU {
		a := article(entries...)
		a.BaseCurrency = c
		return a
	}
	euro := entry("catalogue-EUR", 1000)
	over := Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1000, Period: between("2020-01-01", "2026-01-01")}
	tests := []struct {
		name     string
		article  *PricedSKU
		currency money.Currency
		at       string
		missing  money.Currency // the rate that is missing, if that is why
	}{
		{"no rate for what is asked", article(euro), "GBP", today, "GBP"},
		{"no rate for the base", based("GBP", entry("catalogue-GBP", 1000)), "EUR", today, "GBP"},
		{"no rate yet", article(euro), "USD", "2026-03-01", "USD"},
		{"no price at all", based(""), "EUR", today, ""},
		{"no base price any more", article(over), "USD", today, ""},
		{"finance's price is no base", article(entry("finance", 1000)), "USD", today, ""},
	}
	rules := rulesWith(withLists(List{Code: "finance", Kind: Regular, Currency: "EUR"}))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := rules.Unit(test.article, askingAt(t, rules, "world", test.currency, noon(test.at)), 1)
			var none *NoPriceError
			if !errors.As(err, &none) || none.Currency != test.currency {
				t.Fatalf("%+v, %v, want *NoPriceError", got, err)
			}
			var rate *fx.NoRateError
			if errors.As(err, &rate) != (test.missing != "") || (rate != nil && rate.Currency != test.missing) {
				t.Errorf("%v, want the missing rate of %q", err, test.missing)
			}
		})
	}
}

// TestUnit_SaleWithoutRate: a sale does not need the conversion that it would be compared with.
func TestUnit_SaleWithoutRate(t *testing.T) {
	rules := rulesWith(withLists(List{Code: "sale", Kind: Sale, Currency: "GBP"}))
	got := testkit.Must(rules.Unit(article(entry("catalogue-EUR", 1000), entry("sale", 500)), asking(t, rules, "world", "GBP"), 1))(t)
	if got.AmountMinor != 500 || got.Regular != nil {
		t.Errorf("%+v, want 500 and no other price", got)
	}
}

func TestMarketOf(t *testing.T) {
	rules := rulesWith(func(rows *RuleRows) {
		rows.markets = append(rows.markets, &Market{Code: "no", Period: between("2026-01-01", "2026-02-01"), Countries: []string{"NO"},
			Currency: "NOK", Multiplier: one})
	})
	for country, want := range map[string]string{"DE": "eu", "IE": "eu", "US": "us", "JP": "jp", "NO": "world", "BR": "world", "": "world"} {
		if got := testkit.Must(rules.MarketOf(country, noon(today)))(t); got.Code != want {
			t.Errorf("%s is in %s, want %s", country, got.Code, want)
		}
	}
	if got := testkit.Must(rules.MarketOf("NO", noon("2026-01-15")))(t); got.Code != "no" {
		t.Errorf("in January Norway was in %s, want no", got.Code)
	}
	var unknown *UnknownMarketError
	if _, err := rules.Market("no", noon(today)); !errors.As(err, &unknown) {
		t.Errorf("a market that is over: %v", err)
	} else if diff := cmp.Diff([]string{"ch", "eu", "jp", "us", "world"}, unknown.Known); diff != "" {
		t.Errorf("known markets (-want +got):\n%s", diff)
	}
	if _, err := NewRules(RuleRows{}).MarketOf("DE", noon(today)); !errors.As(err, &unknown) {
		t.Errorf("no markets at all: %v", err)
	}
}
