package replay

import (
	"slices"

	"meridian/regions"
)

// homeCountry is the file's own: nearly all of its lines, and its stock.
const homeCountry = "GB"

// trading lists the countries that buyers are drawn, those of a region evenly. A region with none of them takes all of
// its own.
var trading = []string{
	"US", "CA", "BR", "CL", "MX", "GT", "CR", "GB", "IE", "DE", "FR", "NL", "ES", "IT", "SE", "CH", "SG", "JP", "AU", "NZ", "HK", "IN",
}

// atlas decides where buyers live.
type atlas struct {
	set   *regions.Set
	seed  string
	asIs  bool // no country is drawn but for those that are not known
	homes map[string]string
	of    map[string][]string // the countries to draw of each region
}

func newAtlas(set *regions.Set, seed string, asIs bool) *atlas {
	a := &atlas{set: set, seed: seed, asIs: asIs, homes: make(map[string]string), of: make(map[string][]string)}
	for _, region := range set.All() {
		a.of[region.Name] = region.Countries
		if own := slices.DeleteFunc(slices.Clone(trading), func(c string) bool { return !slices.Contains(region.Countries, c) }); len(own) > 0 {
			a.of[region.Name] = own
		}
	}
	return a
}

// country returns where the customer lives or, for "", the guest of the invoice. It is the same for every invoice of a
// customer: that of the first one asked for.
func (a *atlas) country(customer, invoice, said string) string {
	if customer == "" {
		return a.draw("guest "+invoice, said)
	}
	if _, ok := a.homes[customer]; !ok {
		a.homes[customer] = a.draw("customer "+customer, said)
	}
	return a.homes[customer]
}

// draw returns what the file says, or draws: the region by its share of the traffic, then one of its countries.
func (a *atlas) draw(who, said string) string {
	_, served := a.set.HomeOf(said)
	if served && (a.asIs || said != homeCountry) {
		return said
	}
	if a.asIs {
		return homeCountry
	}
	rest := int(number(a.seed, "region", who) % 10_000)
	for _, region := range a.set.All() {
		countries := a.of[region.Name]
		if rest -= region.TrafficShareBP; rest < 0 && len(countries) > 0 {
			return countries[number(a.seed, "country", who)%uint64(len(countries))]
		}
	}
	return homeCountry // the last regions have a share of the traffic and no country
}

// region returns the home of a country; the primary where there is none.
func (a *atlas) region(country string) regions.Region {
	if home, ok := a.set.HomeOf(country); ok {
		return home
	}
	return a.set.Primary()
}
