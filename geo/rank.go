package geo

import (
	"cmp"
	"slices"
	"time"

	"meridian/regions"
)

// A Basis says what a Ranked region's place is based on.
type Basis string

// The bases of a Ranked region.
const (
	Measured  Basis = "measured"  // a measured round trip
	Corrected Basis = "corrected" // one of the others, corrected by what users measured
	Estimated Basis = "estimated" // the distance
	Unknown   Basis = "unknown"   // the failover order alone: the country's place is unknown
)

// A Ranked is a region and its distance in time.
type Ranked struct {
	// Region is its name.
	Region string
	// RTT is the round trip to expect, without the client's last mile; 0 where Basis is Unknown.
	RTT time.Duration
	// Basis says how RTT is known.
	Basis Basis
}

// A Ranker orders the regions for a client. It computes all orders once, never changes and is safe for concurrent
// use.
type Ranker struct {
	ranks   map[origin][]Ranked
	names   map[origin][]string
	unknown origin
}

// NewRanker computes the order of the set's regions for every country that it homes.
func NewRanker(set *regions.Set) (*Ranker, error) {
	measured, err := readMeasurements(roundTripsCSV)
	if err != nil {
		return nil, err
	}
	measured.addWholeCountries()
	centroids, err := readCentroids(centroidsCSV)
	if err != nil {
		return nil, err
	}
	r := &Ranker{ranks: make(map[origin][]Ranked), names: make(map[origin][]string)}
	r.add(r.unknown, rank(set, set.Primary(), nil, nil))
	for _, home := range set.All() {
		for _, country := range home.Countries {
			from := origin{country: country}
			var at *point
			if centroid, ok := centroids[country]; ok {
				at = &centroid
			}
			r.add(from, rank(set, home, measured[from], at))
			for _, zone := range []Zone{ZoneEast, ZoneCentral, ZoneSouth, ZoneWest} {
				from.zone = zone
				if trips, ok := measured[from]; ok {
					r.add(from, rank(set, home, trips, at))
				}
			}
		}
	}
	return r, nil
}

func (r *Ranker) add(from origin, ranked []Ranked) {
	r.ranks[from] = ranked
	for _, one := range ranked {
		r.names[from] = append(r.names[from], one.Region)
	}
}

// rank orders the regions for one origin by round trip, measured or else estimated from the point. Equal ones, and
// all of them without a point, are in the order home, then home's failover.
func rank(set *regions.Set, home regions.Region, trips map[string]time.Duration, at *point) []Ranked {
	var ranked []Ranked
	for _, region := range append([]regions.Region{home}, set.Failover(home.Name)...) {
		one := Ranked{Region: region.Name, Basis: Unknown}
		if trip, ok := trips[region.Cloud.Region]; ok {
			one.RTT, one.Basis = trip, Measured
		} else if at != nil {
			one.RTT, one.Basis = estimate(*at, region), Estimated
		}
		ranked = append(ranked, one)
	}
	slices.SortStableFunc(ranked, compareNearest)
	return ranked
}

// compareNearest orders by round trip; unknown ones come last.
func compareNearest(a, b Ranked) int {
	if aUnknown, bUnknown := a.Basis == Unknown, b.Basis == Unknown; aUnknown != bUnknown {
		if aUnknown {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.RTT, b.RTT)
}

// Rank returns every region, the nearest to the country first. The zone may be empty. An unknown country gets the
// primary region and its failover order. The result must not be changed.
func (r *Ranker) Rank(country string, zone Zone) []Ranked { return r.ranks[r.find(country, zone)] }

// Order returns the names of Rank. The result must not be changed.
func (r *Ranker) Order(country string, zone Zone) []string { return r.names[r.find(country, zone)] }

// find falls back from a zone to its country, and from an unknown country to the default order.
func (r *Ranker) find(country string, zone Zone) origin {
	for _, from := range []origin{{country, zone}, {country, ""}} {
		if _, ok := r.ranks[from]; ok {
			return from
		}
	}
	return r.unknown
}
