package regions

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHomeOf(t *testing.T) {
	set := shippedSet(t)
	tests := []struct{ country, want string }{
		{"US", "us-east"}, {"CA", "us-east"}, {"BQ", "us-east"}, {"MX", "us-west"}, {"AS", "us-west"},
		{"IE", "eu-west"}, {"NO", "eu-west"}, {"NA", "eu-west"}, {"RE", "eu-west"}, {"SG", "ap-southeast"},
		{"JP", "ap-southeast"}, {"AQ", "ap-southeast"}, {"XX", ""}, {"us", ""}, {"", ""},
	}
	for _, tt := range tests {
		home, ok := set.HomeOf(tt.country)
		if home.Name != tt.want || ok != (tt.want != "") {
			t.Errorf("HomeOf(%q) = %q, %v; want %q", tt.country, home.Name, ok, tt.want)
		}
	}
}

func TestHomeOf_EveryCountry(t *testing.T) {
	if got := len(isoCountries); got != 249 {
		t.Fatalf("%d ISO countries, want 249", got)
	}
	set := shippedSet(t)
	for _, country := range isoCountries {
		home, ok := set.HomeOf(country)
		if !ok || !slices.Contains(home.Countries, country) {
			t.Errorf("HomeOf(%q) = %q, %v", country, home.Name, ok)
		}
	}
}

func TestCurrencyOf(t *testing.T) {
	set := shippedSet(t)
	tests := []struct{ country, want string }{
		{"US", "USD"}, {"CA", "CAD"}, {"AR", "USD"}, {"MX", "MXN"}, {"IE", "EUR"}, {"GB", "GBP"}, {"NO", "EUR"},
		{"LI", "CHF"}, {"EG", "EUR"}, {"SG", "SGD"}, {"JP", "JPY"}, {"GU", "USD"}, {"XX", "USD"}, {"", "USD"},
	}
	for _, tt := range tests {
		if got := set.CurrencyOf(tt.country); got != tt.want {
			t.Errorf("CurrencyOf(%q) = %s, want %s", tt.country, got, tt.want)
		}
	}
}

func TestCurrencyOf_IsSoldAtHome(t *testing.T) {
	set := shippedSet(t)
	rapid.Check(t, func(t *rapid.T) {
		country := rapid.SampledFrom(isoCountries).Draw(t, "country")
		home, _ := set.HomeOf(country)
		if currency := set.CurrencyOf(country); !slices.Contains(home.Currencies, currency) {
			t.Fatalf("%s pays in %s, which %s does not sell in", country, currency, home.Name)
		}
	})
}

func TestFailover(t *testing.T) {
	set := shippedSet(t)
	for _, r := range set.All() {
		var got []string
		for _, o := range set.Failover(r.Name) {
			got = append(got, o.Name)
		}
		if diff := cmp.Diff(r.Failover, got); diff != "" {
			t.Errorf("%s (-listed +answered):\n%s", r.Name, diff)
		}
		everyone := slices.Sorted(slices.Values(append(got, r.Name)))
		if diff := cmp.Diff(slices.Sorted(slices.Values(set.Names())), everyone); diff != "" {
			t.Errorf("%s and its failover are not every region once (-want +got):\n%s", r.Name, diff)
		}
	}
	if got := set.Failover("mars-north"); got != nil {
		t.Errorf("Failover of an unknown region = %v, want nil", got)
	}
}

func TestGetAndByCode(t *testing.T) {
	set := shippedSet(t)
	for _, r := range set.All() {
		byName, ok := set.Get(r.Name)
		if !ok || byName.Code != r.Code {
			t.Errorf("Get(%q) = %q, %v", r.Name, byName.Code, ok)
		}
		byCode, ok := set.ByCode(r.Code)
		if !ok || byCode.Name != r.Name {
			t.Errorf("ByCode(%q) = %q, %v", r.Code, byCode.Name, ok)
		}
	}
	if _, ok := set.Get("use"); ok {
		t.Error("a code was taken for a name")
	}
	if _, ok := set.ByCode("us-east"); ok {
		t.Error("a name was taken for a code")
	}
	if got := set.Primary().Name; got != "us-east" {
		t.Errorf("primary = %s", got)
	}
}

func TestDistanceKM(t *testing.T) {
	tests := []struct {
		name                   string
		lat1, lon1, lat2, lon2 float64
		wantKM                 float64
	}{
		{"same point", 53.35, -6.26, 53.35, -6.26, 0},
		{"a quarter of the equator", 0, 0, 0, 90, 10007.6},
		{"pole to pole", 90, 0, -90, 120, 20015.1},
		{"across the date line", 0, 179.5, 0, -179.5, 111.2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := DistanceKM(tt.lat1, tt.lon1, tt.lat2, tt.lon2)
			if diff := got - tt.wantKM; diff > 0.1 || diff < -0.1 {
				t.Errorf("%.1f km, want %.1f", got, tt.wantKM)
			}
		})
	}
}
