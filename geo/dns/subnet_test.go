package dns

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

// withSubnet returns a query with a client subnet.
func withSubnet(name string, kind uint16, subnet string) *dns.Msg {
	prefix := netip.MustParsePrefix(subnet)
	m := new(dns.Msg).SetQuestion(name, kind).SetEdns0(1232, false)
	option := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(prefix.Bits()), Address: prefix.Addr().AsSlice()}
	if prefix.Addr().Is6() {
		option.Family = 2
	}
	m.IsEdns0().Option = append(m.IsEdns0().Option, option)
	return m
}

// subnetOf returns the client subnet of a response, or nil.
func subnetOf(m *dns.Msg) *dns.EDNS0_SUBNET {
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if subnet, ok := option.(*dns.EDNS0_SUBNET); ok {
				return subnet
			}
		}
	}
	return nil
}

// The resolver is in Singapore, in every case: what its client's subnet says goes before that.
func TestSubnet(t *testing.T) {
	s, _ := newServer(t)
	for _, tt := range []struct {
		name, question, subnet, first string
		scope                         uint8
	}{
		{"Germany", "shop.example.", "80.128.0.0/24", "192.0.2.3", 11},
		{"through a CNAME", "www.shop.example.", "80.128.0.0/24", "192.0.2.3", 11},
		{"IPv6 of Germany", "shop.example.", "2003:c0::/56", "192.0.2.3", 19},
		{"less than the block: the scope is longer", "shop.example.", "80.128.0.0/9", "192.0.2.3", 11},
		{"of nobody", "shop.example.", "10.0.0.0/24", "192.0.2.1", 8},
		{"IPv4 in the form of IPv6 is a place of IPv6: unknown", "shop.example.", "::ffff:80.128.0.0/120", "192.0.2.1", 3},
		{"nothing is said of the client: the resolver's place, for all its clients", "shop.example.", "0.0.0.0/0", "192.0.2.4", 0},
		{"the same, of IPv6", "shop.example.", "::/0", "192.0.2.4", 0},
		{"no region in the answer", "a.b.c.shop.example.", "80.128.0.0/24", "", 0},
		{"no such name", "nope.shop.example.", "80.128.0.0/24", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, s, withSubnet(tt.question, dns.TypeA, tt.subnet), singapore)
			option := subnetOf(got)
			if option == nil {
				t.Fatalf("there is no subnet in %v", got)
			}
			prefix := netip.MustParsePrefix(tt.subnet)
			if option.SourceScope != tt.scope || int(option.SourceNetmask) != prefix.Bits() || !option.Address.Equal(prefix.Addr().AsSlice()) {
				t.Errorf("the subnet is %s, want %s/%d", option, tt.subnet, tt.scope)
			}
			var first string
			for _, rr := range got.Answer {
				if a, ok := rr.(*dns.A); ok && first == "" {
					first = a.A.String()
				}
			}
			if first != tt.first {
				t.Errorf("the first address is %q, want %q", first, tt.first)
			}
		})
	}
}

// What depends on no region has scope 0, at a name that has both.
func TestSubnet_ByType(t *testing.T) {
	s, _ := newServer(t)
	for kind, scope := range map[uint16]uint8{dns.TypeMX: 0, dns.TypeSRV: 0, dns.TypeANY: 0, dns.TypeA: 11, dns.TypeHTTPS: 11} {
		if got := subnetOf(ask(t, s, withSubnet("shop.example.", kind, "80.128.0.0/24"), nowhere)); got.SourceScope != scope {
			t.Errorf("%s has scope %d, want %d", dns.Type(kind), got.SourceScope, scope)
		}
	}
}

// A resolver that sends no subnet gets none.
func TestSubnet_NotAsked(t *testing.T) {
	s, _ := newServer(t)
	got := ask(t, s, new(dns.Msg).SetQuestion("shop.example.", dns.TypeA).SetEdns0(1232, false), german)
	if subnetOf(got) != nil || got.IsEdns0() == nil {
		t.Errorf("answered with %v", got)
	}
}

// The rules of RFC 7871, sections 6 and 7.1.1. The option's octets are family, source, scope and address.
func TestSubnet_Malformed(t *testing.T) {
	for _, tt := range []struct {
		name, option string
		wrong        bool
	}{
		{"a /24", "0001180050800a", false},
		{"nothing of the client", "00010000", false},
		{"nothing of the client, not even the family", "00000000", false},
		{"no family", "0000080050", true},
		{"an unknown family", "0003080050", true},
		{"a scope in a query", "0001181850800a", true},
		{"too few octets", "000118005080", true},
		{"too many octets", "0001180050800a00", true},
		{"bits behind the prefix", "0001170050800b", true},
		{"too long a prefix", "000121005080000a00", true},
		{"too long a prefix of IPv6", "000281000000000000000000000000000000000000", true},
		{"cut off", "000118", true},
		{"empty", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s subnet
			if err := s.read(testkit.Must(hex.DecodeString(tt.option))(t)); (err != nil) != tt.wrong {
				t.Errorf("malformed: %v", err)
			}
		})
	}
	s, _ := newServer(t)
	packet := testkit.Must(withSubnet("shop.example.", dns.TypeA, "80.128.0.0/24").Pack())(t)
	packet = bytes.Replace(packet, []byte{0, 1, 24, 0}, []byte{0, 3, 24, 0}, 1)
	response := new(dns.Msg)
	testkit.NoError(t, response.Unpack(s.newResponder(s.newCounts()).respond(packet, netip.MustParseAddr(german), false)))
	if response.Rcode != dns.RcodeFormatError || response.IsEdns0() == nil {
		t.Errorf("answered with %v", response)
	}
}

// Every client in the scope of an answer would have got the same answer, weights or not: a cache may give it to them.
func TestSubnet_ScopeIsRight(t *testing.T) {
	s, from := newServer(t)
	for _, weight := range []int{100, 30} {
		from.change(func(r *RegionState) { r.Weight = weight }, "eu-west", "us-east")
		s.refresh()
		rapid.Check(t, func(rt *rapid.T) {
			subnet := drawSubnet(rt)
			first := ask(t, s, withSubnet("shop.example.", dns.TypeA, subnet.String()), nowhere)
			scope := netip.PrefixFrom(subnet.Addr(), int(subnetOf(first).SourceScope)).Masked()
			other := drawWithin(rt, scope)
			width := other.BitLen()
			second := ask(t, s, withSubnet("shop.example.", dns.TypeA, netip.PrefixFrom(other, width).String()), nowhere)
			got, want := records("shop.example.", second.Answer), records("shop.example.", first.Answer)
			if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
				rt.Fatalf("%s has scope %s and %v, but %s gets %v", subnet, scope, want, other, got)
			}
		})
	}
}

// drawSubnet draws a client subnet, of the lengths that resolvers send.
func drawSubnet(t *rapid.T) netip.Prefix {
	octets := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets")
	if rapid.Bool().Draw(t, "IPv6") {
		octets[0] = 0x20 | octets[0]&1
		return netip.PrefixFrom(netip.AddrFrom16([16]byte(octets)), rapid.IntRange(32, 56).Draw(t, "length")).Masked()
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(octets[:4])), rapid.IntRange(16, 24).Draw(t, "length")).Masked()
}

// drawWithin draws an address of the network.
func drawWithin(t *rapid.T, network netip.Prefix) netip.Addr {
	octets := network.Addr().AsSlice()
	random := rapid.SliceOfN(rapid.Byte(), len(octets), len(octets)).Draw(t, "within")
	for bit := network.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= random[bit/8] & (0x80 >> (bit % 8))
	}
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}
