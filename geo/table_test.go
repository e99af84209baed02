package geo

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

func TestAddressTable_Country(t *testing.T) {
	table := addresses(t)
	tests := []struct{ name, addr, want string }{
		{"first of a block", "1.0.0.0", "AU"},
		{"last of a block", "1.0.0.255", "AU"},
		{"first of the next", "1.0.1.0", "CN"},
		{"a British provider", "81.2.69.160", "GB"},
		{"a Japanese provider", "133.1.0.1", "JP"},
		{"written as IPv6", "::ffff:133.1.0.1", "JP"},
		{"IPv6", "2001:200::1", "JP"},
		{"IPv6, last of the block", "2001:200:ffff:ffff:ffff:ffff:ffff:ffff", "JP"},
		{"a long IPv6 prefix", "2001:4:112::53", "US"},
		{"private", "10.1.2.3", ""},
		{"loopback", "127.0.0.1", ""},
		{"IPv6 loopback", "::1", ""},
		{"IPv6 documentation", "2001:db8::1", ""},
		{"the very first", "0.0.0.0", ""},
		{"the very last", "255.255.255.255", ""},
		{"IPv6, the very last", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := table.Country(netip.MustParseAddr(tt.addr))
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("%s is in %q, %v; want %q", tt.addr, got, ok, tt.want)
			}
		})
	}
	if got, ok := table.Country(netip.Addr{}); ok {
		t.Errorf("no address is in %q", got)
	}
}

// The table answers for every block of the files: its first, its last and any address between.
func TestAddressTable_AgreesWithTheFiles(t *testing.T) {
	table, blocks := addresses(t), readBlocks(t)
	if len(blocks) < 240_000 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	rapid.Check(t, func(t *rapid.T) {
		block := rapid.SampledFrom(blocks).Draw(t, "block")
		addr := block.prefix.Addr().AsSlice()
		for i := range addr { // host bits at random
			if fixed := block.prefix.Bits() - 8*i; fixed < 8 {
				addr[i] |= rapid.Byte().Draw(t, "host") & (0xff >> max(fixed, 0))
			}
		}
		inside, _ := netip.AddrFromSlice(addr)
		if got, ok := table.Country(inside); !ok || got != block.country {
			t.Fatalf("%s of %s is in %q, %v; want %q", inside, block.prefix, got, ok, block.country)
		}
	})
}

// An address that no block holds belongs to nobody.
func TestAddressTable_AgreesWithAMap(t *testing.T) {
	table, byPrefix := addresses(t), mapOf(readBlocks(t))
	rapid.Check(t, func(t *rapid.T) {
		addr := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
		if rapid.Bool().Draw(t, "IPv6") {
			octets := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6"))
			octets[0] = 0x20 | octets[0]&0x0f // 2000::/4, where the assigned space is
			addr = netip.AddrFrom16(octets)
		}
		got, _ := table.Country(addr)
		if want := lookUp(byPrefix, addr); got != want {
			t.Fatalf("%s is in %q, want %q", addr, got, want)
		}
	})
}

func TestAddressTable_DoesNotAllocate(t *testing.T) {
	table, addr := addresses(t), netip.MustParseAddr("81.2.69.160")
	if n := testing.AllocsPerRun(100, func() { table.Country(addr) }); n != 0 {
		t.Errorf("%v allocations a lookup", n)
	}
}

func TestAddressTable_RefusesOverlaps(t *testing.T) {
	for _, text := range [][2]string{{"10.0.0.0/8", "10.1.0.0/16"}, {"10.1.0.0/16", "10.0.0.0/16"}, {"2001::/32", "2001::/48"},
		{"2001::/32", "2002::/65"}} {
		table := &AddressTable{
			v4: ranges[uint32]{starts: []uint32{0}, owners: []uint8{0}},
			v6: ranges[uint64]{starts: []uint64{0}, owners: []uint8{0}},
		}
		testkit.NoError(t, table.add(netip.MustParsePrefix(text[0]), 1))
		if err := table.add(netip.MustParsePrefix(text[1]), 2); err == nil {
			t.Errorf("%s was accepted after %s", text[1], text[0])
		}
	}
}

// BenchmarkAddressTable compares a lookup with what it replaces: a map of prefixes asked once for each length, and
// the list of blocks read from its beginning. It reports how many times faster it is.
func BenchmarkAddressTable(b *testing.B) {
	table, blocks := addresses(b), readBlocks(b)
	byPrefix := mapOf(blocks)
	random := rand.New(rand.NewPCG(1, 2))
	addrs := make([]netip.Addr, 1<<12)
	for i := range addrs {
		addrs[i] = blocks[random.IntN(len(blocks))].prefix.Addr()
	}
	lookups := map[string]func(netip.Addr) string{
		"map":  func(addr netip.Addr) string { return lookUp(byPrefix, addr) },
		"list": func(addr netip.Addr) string { return search(blocks, addr) },
	}
	for name, other := range lookups {
		b.Run("against "+name, func(b *testing.B) {
			var ours, theirs time.Duration
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				addr := addrs[i%len(addrs)]
				start := time.Now()
				got, _ := table.Country(addr)
				middle := time.Now()
				want := other(addr)
				ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
				if got != want {
					b.Fatalf("%s is in %q or %q", addr, got, want)
				}
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "table-ns/op")
			b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), name+"-ns/op")
			b.ReportMetric(float64(theirs)/float64(ours), "times-faster")
		})
	}
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			testkit.Must(loadAddresses())(b)
		}
	})
}

func addresses(t testing.TB) *AddressTable {
	t.Helper()
	table := testkit.Must(Addresses())(t)
	return table
}

type block struct {
	prefix  netip.Prefix
	country string
}

// readBlocks decodes the files in the plainest way.
func readBlocks(t testing.TB) []block {
	t.Helper()
	var blocks []block
	for _, packed := range [][]byte{tableV4, tableV6} {
		for _, line := range strings.Split(strings.TrimSpace(unpack(t, packed)), "\n")[1:] {
			cidr, country, _ := strings.Cut(line, ",")
			blocks = append(blocks, block{netip.MustParsePrefix(cidr), country})
		}
	}
	return blocks
}

func mapOf(blocks []block) map[netip.Prefix]string {
	byPrefix := make(map[netip.Prefix]string, len(blocks))
	for _, b := range blocks {
		byPrefix[b.prefix] = b.country
	}
	return byPrefix
}

func lookUp(byPrefix map[netip.Prefix]string, addr netip.Addr) string {
	for bits := addr.BitLen(); bits >= 0; bits-- {
		prefix, _ := addr.Prefix(bits)
		if country, ok := byPrefix[prefix]; ok {
			return country
		}
	}
	return ""
}

func search(blocks []block, addr netip.Addr) string {
	for _, b := range blocks {
		if b.prefix.Contains(addr) {
			return b.country
		}
	}
	return ""
}
