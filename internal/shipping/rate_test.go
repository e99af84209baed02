package shipping

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/regions"
)

func shippedTable(t testing.TB) *Table {
	t.Helper()
	table := testkit.Must(Shipped())(t)
	return table
}

func TestRate(t *testing.T) {
	tests := []struct {
		name     string
		country  string
		currency money.Currency
		subtotal int64
		want     Rate
		err      error
	}{
		{"below the threshold", "IE", "EUR", 7499, Rate{Minor: 590, Service: "standard", MinDays: 2, MaxDays: 6}, nil},
		{"at the threshold", "IE", "EUR", 7500, Rate{Service: "standard", MinDays: 2, MaxDays: 6}, nil},
		{"a currency without decimals", "JP", "JPY", 1000, Rate{Minor: 1300, Service: "standard", MinDays: 2, MaxDays: 7}, nil},
		{"far away", "AQ", "USD", 0, Rate{Minor: 2900, Service: "standard", MinDays: 10, MaxDays: 30}, nil},
		{"no country", "QQ", "EUR", 0, Rate{}, ErrNotServiceable},
		{"lower case", "ie", "EUR", 0, Rate{}, ErrNotServiceable},
		{"empty", "", "EUR", 0, Rate{}, ErrNotServiceable},
		{"no price", "IE", "KWD", 0, Rate{}, ErrNoRate},
	}
	table := shippedTable(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := table.Rate(test.country, test.currency, test.subtotal)
			if !errors.Is(err, test.err) {
				t.Fatalf("%v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("rate (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShipped_ServesEveryMarket: whatever a region homes and sells in can be delivered.
func TestShipped_ServesEveryMarket(t *testing.T) {
	table := shippedTable(t)
	set := testkit.Must(regions.Shipped())(t)
	var countries int
	for _, region := range set.All() {
		for _, country := range region.Countries {
			countries++
			if !table.Serves(country) {
				t.Errorf("%s is not served", country)
			}
			if _, err := table.Rate(country, money.Currency(set.CurrencyOf(country)), 1); err != nil {
				t.Errorf("no rate for a shopper of %s: %v", country, err)
			}
		}
		for _, currency := range region.Currencies {
			if !table.HasCurrency(money.Currency(currency)) {
				t.Errorf("%s sells in %s, which has no delivery prices", region.Name, currency)
			}
		}
	}
	if len(table.countries) != countries {
		t.Errorf("%d countries are served, %d exist", len(table.countries), countries)
	}
}

func TestRate_NeverRisesWithTheSubtotal(t *testing.T) {
	table := shippedTable(t)
	var countries []string
	for country := range table.countries {
		countries = append(countries, country)
	}
	var currencies []money.Currency
	for currency := range table.currencies {
		currencies = append(currencies, currency)
	}
	rapid.Check(t, func(rt *rapid.T) {
		country := countries[rapid.IntRange(0, len(countries)-1).Draw(rt, "country")]
		currency := currencies[rapid.IntRange(0, len(currencies)-1).Draw(rt, "currency")]
		subtotal := rapid.Int64Range(0, 1e9).Draw(rt, "subtotal")
		small := testkit.Must(table.Rate(country, currency, subtotal))(rt)
		large := testkit.Must(table.Rate(country, currency, subtotal+rapid.Int64Range(0, 1e9).Draw(rt, "more")))(rt)
		if small.Minor < 0 || large.Minor > small.Minor || small.MinDays > small.MaxDays {
			rt.Fatalf("%s in %s: %+v for less, %+v for more", country, currency, small, large)
		}
	})
}

func TestLoad_Faults(t *testing.T) {
	const zones, countries, rates = "zone,service,min_days,max_days\n", "country,zone\n", "zone,currency,price_minor,free_from_minor\n"
	tests := []struct {
		name                    string
		zones, countries, rates string
		want                    []string
	}{
		{"a header is wrong", "zone\n", countries, rates, []string{"zones.csv: want the header"}},
		{"zones", zones + "a,standard,5,2\nb,standard,x,2\nc,standard,1,2\nc,standard,1,2\n", countries, rates,
			[]string{"zones.csv, line 2", "zones.csv, line 3", "zones.csv, line 5"}},
		{"countries", zones + "a,standard,1,2\n", countries + "IE,b\nIRL,a\nFR,a\nFR,a\n", rates,
			[]string{"countries.csv, line 2", "countries.csv, line 3", "countries.csv, line 5"}},
		{"rates", zones + "a,standard,1,2\n", countries, rates + "a,EUR,-1,2\na,eur,1,2\nb,EUR,1,2\na,USD,1,2\na,USD,1,2\n",
			[]string{"rates.csv, line 2", "rates.csv, line 3", "rates.csv, line 4", "rates.csv, line 6"}},
		{"a price is missing", zones + "a,standard,1,2\nb,standard,1,2\n", countries, rates + "a,EUR,1,2\n",
			[]string{`zone "b" has no price in EUR`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(fstest.MapFS{
				"zones.csv":      {Data: []byte(test.zones)},
				"countries.csv":  {Data: []byte(test.countries)},
				"flat_rates.csv": {Data: []byte(test.rates)},
			})
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant it to tell of %q", err, want)
				}
			}
		})
	}
}
