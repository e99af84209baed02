package dns

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/geo"
	"meridian/internal/testkit"
)

// addressesFor returns what a client is answered for A.
func addressesFor(t testing.TB, s *Server, client string) (addresses []string) {
	for _, rr := range ask(t, s, new(dns.Msg).SetQuestion("shop.example.", dns.TypeA), client).Answer {
		addresses = append(addresses, rr.(*dns.A).A.String())
	}
	return addresses
}

// A client in Germany has eu-west (192.0.2.3) nearest, then us-east (.1), ap-southeast or us-west.
func TestRoute_States(t *testing.T) {
	down := func(r *RegionState) { r.Healthy = false }
	drain := func(r *RegionState) { r.Drained = true }
	none := func(r *RegionState) { r.Weight = 0 }
	all := []string{"us-east", "us-west", "eu-west", "ap-southeast"}
	for _, tt := range []struct {
		name   string
		change func(*states)
		want   []string
	}{
		{"all well", func(*states) {}, []string{"192.0.2.3", "192.0.2.1"}},
		{"the nearest is down", func(s *states) { s.change(down, "eu-west") }, []string{"192.0.2.1", "192.0.2.2"}},
		{"the nearest is drained", func(s *states) { s.change(drain, "eu-west") }, []string{"192.0.2.1", "192.0.2.2"}},
		{"the nearest has weight 0", func(s *states) { s.change(none, "eu-west") }, []string{"192.0.2.1", "192.0.2.2"}},
		{"one is left", func(s *states) { s.change(down, "us-east", "us-west", "eu-west") }, []string{"192.0.2.4"}},
		{"the only healthy one is drained", func(s *states) { s.change(down, "us-east", "us-west", "eu-west"); s.change(drain, "ap-southeast") },
			[]string{"192.0.2.4"}},
		{"all are drained", func(s *states) { s.change(drain, all...) }, []string{"192.0.2.3", "192.0.2.1"}},
		{"all are down", func(s *states) { s.change(down, all...) }, []string{"192.0.2.3", "192.0.2.1"}},
		{"all are down, one is drained too", func(s *states) { s.change(down, all...); s.change(drain, "eu-west") },
			[]string{"192.0.2.3", "192.0.2.1"}},
		{"the nearest has two addresses of its own", func(s *states) {
			s.change(func(r *RegionState) {
				r.Addresses = append(slices.Clone(r.Addresses), netip.MustParseAddr("192.0.2.33"))
			}, "eu-west")
		}, []string{"192.0.2.3", "192.0.2.33"}},
		{"the nearest has no IPv4", func(s *states) { s.change(func(r *RegionState) { r.Addresses = r.Addresses[1:] }, "eu-west") },
			[]string{"192.0.2.1", "192.0.2.2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, from := newServer(t)
			tt.change(from)
			s.refresh()
			if diff := cmp.Diff(tt.want, addressesFor(t, s, german)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the states are, there is an answer; it names no region that is down, drained or without weight while there is
// another; and no region twice.
func TestRoute_Property(t *testing.T) {
	s, from := newServer(t)
	rapid.Check(t, func(rt *rapid.T) {
		from.mu.Lock()
		from.now = healthyRegions()
		for i := range from.now {
			from.now[i].Healthy = rapid.Bool().Draw(rt, "healthy")
			from.now[i].Drained = rapid.Bool().Draw(rt, "drained")
			from.now[i].Weight = rapid.IntRange(-5, 120).Draw(rt, "weight")
		}
		now := from.now
		from.mu.Unlock()
		s.refresh()
		wanted := func(r RegionState) bool { return r.Healthy && !r.Drained && r.Weight > 0 }
		good := slices.ContainsFunc(now, wanted)
		octets := binary.BigEndian.AppendUint32(nil, rapid.Uint32().Draw(rt, "client"))
		client, _ := netip.AddrFromSlice(octets)
		got := addressesFor(t, s, client.String())
		if len(got) == 0 {
			rt.Fatalf("%s gets no address of %v", client, now)
		}
		for i, address := range got {
			at := slices.IndexFunc(now, func(r RegionState) bool { return r.Addresses[0].String() == address })
			if at < 0 || slices.Contains(got[:i], address) || good && !wanted(now[at]) {
				rt.Fatalf("%s gets %v of %v", client, got, now)
			}
		}
	})
}

// A weight is a share of the networks. A network that a region has, it keeps when its weight is raised.
func TestRoute_Weight(t *testing.T) {
	s, from := newServer(t)
	const networks = 20_000
	before := make(map[int]bool)
	for _, weight := range []int{20, 50, 100} {
		from.change(func(r *RegionState) { r.Weight = weight }, "eu-west")
		s.refresh()
		v := s.view.Load()
		took := 0
		for i := range networks {
			client := netip.AddrFrom4([4]byte{80, byte(i >> 8), byte(i), 7})
			picked, scope := v.pick(v.route(place{country: "DE"}), client, 8)
			has := v.states[picked.first()].Region == "eu-west"
			if has {
				took++
			} else if before[i] {
				t.Fatalf("%s is taken from eu-west when its weight becomes %d", client, weight)
			}
			before[i] = has
			if want := map[bool]int{true: 24, false: 8}[weight < 100]; scope != want {
				t.Fatalf("the scope is %d, want %d", scope, want)
			}
		}
		// Five standard deviations of a binomial distribution.
		share := float64(weight) / 100
		if far := math.Abs(float64(took) - networks*share); far > 5*math.Sqrt(networks*share*(1-share)) {
			t.Errorf("with weight %d it takes %d of %d networks", weight, took, networks)
		}
	}
}

// Before discovery has named a region there is no answer, and not the answer that there are no addresses.
func TestRoute_NoStates(t *testing.T) {
	s, from := newServer(t)
	from.now = nil
	s.refresh()
	m := new(dns.Msg).SetQuestion("shop.example.", dns.TypeA)
	if got := ask(t, s, m, german); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("answered with %v", got)
	}
	m.SetQuestion("shop.example.", dns.TypeMX)
	if got := ask(t, s, m, german); got.Rcode != dns.RcodeSuccess || len(got.Answer) != 1 {
		t.Errorf("answered with %v", got)
	}
}

// The order of regions is the ranker's, for every country.
func TestRoute_IsRanked(t *testing.T) {
	s, _ := newServer(t)
	ranker := testkit.Must(geo.NewRanker(shippedSet(t)))(t)
	v := s.view.Load()
	for where, r := range v.routes {
		var got []string
		for region := range r.whole.regions {
			got = append(got, v.states[region].Region)
		}
		if diff := cmp.Diff(ranker.Order(where.country, where.zone), got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", where, diff)
		}
	}
}

// What discovery says is brought into bounds: nobody is sent to what is no address, and no order has more than there is room for.
func TestRoute_Bounds(t *testing.T) {
	s, from := newServer(t)
	from.now = []RegionState{{
		Region: "eu-west", Healthy: true, Weight: 1000, Target: strings.Repeat("x", 70) + ".example.net.",
		Addresses: []netip.Addr{{}, netip.MustParseAddr("::ffff:192.0.2.3"), netip.MustParseAddr("fe80::1%eth0")},
	}}
	for range 40 {
		from.now = append(from.now, RegionState{Region: "mars", Healthy: true, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.99")}})
	}
	s.refresh()
	v := s.view.Load()
	want := RegionState{
		Region: "eu-west", Healthy: true, Weight: 100, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("fe80::1")},
	}
	if len(v.states) != maxRegions || !sameState(v.states[0], want) {
		t.Errorf("%d states, the first %v", len(v.states), v.states[0])
	}
	if diff := cmp.Diff([]string{"192.0.2.3"}, addressesFor(t, s, german)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
