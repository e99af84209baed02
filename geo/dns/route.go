package dns

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/dchest/siphash"

	"meridian/geo"
	"meridian/regions"
)

// An order is a list of regions, the nearest first: the index of each in the view, plus one, in four bits, from the lowest
// on. It identifies an answer.
type order uint64

// append returns the order with a region at the end, which must have room for it.
func (o order) append(region int, at int) order { return o | order(region+1)<<(4*at) }

// regions yields the indexes of the regions.
func (o order) regions(yield func(int) bool) {
	for ; o != 0; o >>= 4 {
		if !yield(int(o&0xf) - 1) {
			return
		}
	}
}

// first returns the first region, or -1.
func (o order) first() int { return int(o&0xf) - 1 }

// A route is the order of the regions that serve clients of one place.
type route struct {
	order []int
	whole order
	split bool // some region takes only a share of the clients
}

// addRoutes computes the route of every place that the ranker knows. The place of clients that are nowhere is empty.
func (v *view) addRoutes(ranker *geo.Ranker, set *regions.Set) {
	serving := v.serving()
	add := func(where place) { v.routes[where] = v.newRoute(ranker.Order(where.country, where.zone), serving) }
	add(place{})
	for _, home := range set.All() {
		for _, country := range home.Countries {
			add(place{country: country})
		}
	}
	for _, zone := range []geo.Zone{geo.ZoneEast, geo.ZoneCentral, geo.ZoneSouth, geo.ZoneWest} {
		add(place{country: "US", zone: zone})
	}
}

// newRoute returns the route through those of the regions that serve.
func (v *view) newRoute(names []string, serving []bool) *route {
	r := new(route)
	for _, name := range names {
		at := slices.IndexFunc(v.states, func(s RegionState) bool { return s.Region == name })
		if at < 0 || !serving[at] {
			continue
		}
		r.whole = r.whole.append(at, len(r.order))
		r.order = append(r.order, at)
		r.split = r.split || v.states[at].Weight < 100
	}
	r.split = r.split && len(r.order) > 1
	return r
}

// serving returns which regions may be answered: the healthy ones that are to get clients or, if there is none, all
// healthy ones or, if there is none either, all.
func (v *view) serving() []bool {
	wanted := func(s RegionState) bool { return s.Healthy && !s.Drained && s.Weight > 0 }
	healthy := func(s RegionState) bool { return s.Healthy }
	any := func(RegionState) bool { return true }
	for _, may := range []func(RegionState) bool{wanted, healthy, any} {
		if slices.ContainsFunc(v.states, may) {
			serving := make([]bool, len(v.states))
			for i, state := range v.states {
				serving[i] = may(state)
			}
			return serving
		}
	}
	return nil
}

// route returns the route of a place.
func (v *view) route(where place) *route {
	if found, ok := v.routes[where]; ok {
		return found
	}
	if found, ok := v.routes[place{country: where.country}]; ok {
		return found
	}
	return v.routes[place{}]
}

// The networks by which clients are divided where a region takes a share of them.
const (
	shareBits4 = 24
	shareBits6 = 48
)

// pick returns the order of the regions for a client, and the length of the block of addresses it is right for, bits or
// longer. A region takes the share of networks that its weight says; which ones depends on nothing but the network and
// the region's name, so that every server and cache agrees, and a greater weight keeps those it has.
func (v *view) pick(r *route, addr netip.Addr, bits int) (order, int) {
	width := shareBits6
	if addr.Is4() {
		width = shareBits4
	}
	network, err := addr.Prefix(width)
	if !r.split || err != nil { // the error is that there is no address
		return r.whole, bits
	}
	octets := network.Addr().As16()
	var picked order
	count := 0
	for _, region := range r.order {
		if siphash.Hash(v.seeds[region], uint64(width), octets[:])%100 < uint64(v.states[region].Weight) {
			picked = picked.append(region, count)
			count++
		}
	}
	if picked == 0 {
		picked = r.whole
	}
	return picked, max(bits, width)
}

// seed returns a number for a region's name.
func seed(name string) uint64 {
	return siphash.Hash(0, 0, binary.BigEndian.AppendUint32([]byte(name), uint32(len(name))))
}
