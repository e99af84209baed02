package predict

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"meridian/geo"
	"meridian/internal/lab/wan"
	"meridian/regions"
)

// Local is the round trip between two machines of one region, in different zones.
const Local = 2 * wan.SameRegion

// A World is regions and the round trips between them.
type World struct {
	set     *regions.Set
	names   []string
	primary string
	trips   map[[2]string]time.Duration
}

// NewWorld returns the shop's regions at the distances of package wan. It fails if one is not known.
func NewWorld(set *regions.Set) (w *World, err error) {
	var sites []wan.Site
	for _, region := range set.All() {
		sites = append(sites, wan.Site{Name: region.Name, Cloud: region.Cloud.Region})
	}
	network, err := wan.New(sites)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	w = &World{set: set, names: set.Names(), primary: set.Primary().Name, trips: make(map[[2]string]time.Duration)}
	for _, from := range w.names {
		for _, to := range w.names {
			there, err := network.Base(from, to)
			if err != nil {
				return nil, err
			}
			w.trips[[2]string{from, to}] += there.Delay
			w.trips[[2]string{to, from}] += there.Delay
		}
	}
	return w, nil
}

// Names returns the regions, the primary one first.
func (w *World) Names() []string { return w.names }

// Primary returns the primary region.
func (w *World) Primary() string { return w.primary }

// RTT returns the round trip between two regions, or within one.
func (w *World) RTT(from, to string) time.Duration { return w.trips[[2]string{from, to}] }

// NearestOther returns the region that is nearest to another one, and Farthest the one that is farthest from it.
func (w *World) NearestOther(from string) string { return w.extreme(from, -1) }

// Farthest returns the region that is farthest from another one.
func (w *World) Farthest(from string) string { return w.extreme(from, 1) }

func (w *World) extreme(from string, sign time.Duration) (best string) {
	for _, name := range w.names {
		if name != from && (best == "" || sign*w.RTT(from, name) > sign*w.RTT(from, best)) {
			best = name
		}
	}
	return best
}

// A Shopper is a place that shoppers call from.
type Shopper struct {
	// Name is a region, a country, or a part of the United States such as US-West.
	Name string
	// Edge is the nearest region.
	Edge string
	rtt  map[string]time.Duration
}

// RTT returns the round trip from the shopper to a region, without the last mile.
func (s Shopper) RTT(region string) time.Duration { return s.rtt[region] }

// ShopperAt returns the shopper next to a region's data centre.
func (w *World) ShopperAt(region string) Shopper {
	s := Shopper{Name: region, Edge: region, rtt: make(map[string]time.Duration)}
	for _, to := range w.names {
		s.rtt[to] = w.RTT(region, to)
	}
	return s
}

// Shopper returns the shopper of that name: a region, an ISO 3166-1 alpha-2 country, or a part of the United States, such as
// US-West. Their round trips are those that package geo ranks regions by. It fails for any other name.
func (w *World) Shopper(name string) (Shopper, error) {
	if _, ok := w.set.Get(name); ok {
		return w.ShopperAt(name), nil
	}
	country, zone, zoned := strings.Cut(name, "-")
	_, ok := w.set.HomeOf(country)
	if zoned {
		ok = country == "US" && isZone(geo.Zone(zone))
	}
	if !ok {
		return Shopper{}, fmt.Errorf("%q is no place: use a region (%s), a country such as DE, or US-East, US-Central, US-South, US-West",
			name, strings.Join(w.names, ", "))
	}
	return w.shopperFrom(name, country, geo.Zone(zone))
}

func isZone(zone geo.Zone) bool {
	return zone == geo.ZoneEast || zone == geo.ZoneCentral || zone == geo.ZoneSouth || zone == geo.ZoneWest
}

// shopperFrom returns the shopper of a country that some region homes. It fails where no distance from there is known.
func (w *World) shopperFrom(name, country string, zone geo.Zone) (Shopper, error) {
	ranker, err := geo.NewRanker(w.set)
	if err != nil {
		return Shopper{}, err
	}
	s := Shopper{Name: name, rtt: make(map[string]time.Duration)}
	for _, ranked := range ranker.Rank(country, zone) {
		if ranked.Basis == geo.Unknown {
			return Shopper{}, fmt.Errorf("the distances from %s are not known: use another country, or a region", name)
		}
		if s.Edge == "" {
			s.Edge = ranked.Region
		}
		s.rtt[ranked.Region] = max(ranked.RTT, Local)
	}
	return s, nil
}
