package regions

import (
	"cmp"
	"slices"
)

// A Set holds all the regions of one shop, checked. It never changes after Load and is safe for concurrent use.
// Callers must not change what its methods return.
type Set struct {
	ordered   []Region
	byName    map[string]Region
	byCode    map[string]Region
	byCountry map[string]string // ISO code → region name
	failover  map[string][]Region
}

// newSet indexes regions that have passed every check.
func newSet(list []Region) *Set {
	s := &Set{
		ordered:   slices.Clone(list),
		byName:    make(map[string]Region, len(list)),
		byCode:    make(map[string]Region, len(list)),
		byCountry: make(map[string]string, len(list)*64),
		failover:  make(map[string][]Region, len(list)),
	}
	slices.SortFunc(s.ordered, comparePrimaryFirst)
	for _, r := range list {
		s.byName[r.Name] = r
		s.byCode[r.Code] = r
		for _, country := range r.Countries {
			s.byCountry[country] = r.Name
		}
	}
	for _, r := range list {
		for _, name := range r.Failover {
			s.failover[r.Name] = append(s.failover[r.Name], s.byName[name])
		}
	}
	return s
}

// comparePrimaryFirst orders by name, after the primary region.
func comparePrimaryFirst(a, b Region) int {
	if a.Primary != b.Primary {
		if a.Primary {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.Name, b.Name)
}

// All returns every region, the primary first and then by name.
func (s *Set) All() []Region { return slices.Clone(s.ordered) }

// Names returns the name of every region, in the order of All.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.ordered))
	for _, r := range s.ordered {
		names = append(names, r.Name)
	}
	return names
}

// Get returns the region of that name. It returns false if there is none.
func (s *Set) Get(name string) (r Region, ok bool) {
	r, ok = s.byName[name]
	return r, ok
}

// ByCode returns the region with that code, as found in public ids. It returns false if there is none.
func (s *Set) ByCode(code string) (r Region, ok bool) {
	r, ok = s.byCode[code]
	return r, ok
}

// Primary returns the primary region.
func (s *Set) Primary() Region { return s.ordered[0] }

// HomeOf returns the home region of customers of the country, an upper-case ISO 3166-1 alpha-2 code. It returns false
// for an unknown country.
func (s *Set) HomeOf(country string) (r Region, ok bool) {
	name, ok := s.byCountry[country]
	if !ok {
		return Region{}, false
	}
	return s.byName[name], true
}

// CurrencyOf returns the ISO 4217 code of the currency that customers of the country pay in: the country's own if its
// home region sells in it, else that region's default. For an unknown country it returns the primary region's
// default.
func (s *Set) CurrencyOf(country string) string {
	home, ok := s.HomeOf(country)
	if !ok {
		return s.Primary().Currencies[0]
	}
	if own, ok := home.CurrencyOf[country]; ok {
		return own
	}
	return home.Currencies[0]
}

// Failover returns every other region in the order in which they take over from the named one. It returns nil for an
// unknown name.
func (s *Set) Failover(name string) []Region { return slices.Clone(s.failover[name]) }
