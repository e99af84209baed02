package geo

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

// A block holds its address, every address at its edges has the country, and a block of one bit less would not do.
func TestAddressTable_Block(t *testing.T) {
	table := testkit.Must(Addresses())(t)
	rapid.Check(t, func(t *rapid.T) {
		addr := drawAddr(t)
		country, block := table.Block(addr)
		want, _ := table.Country(addr)
		if country != want || !block.Contains(addr.Unmap()) {
			t.Fatalf("%s is in %q, of the block %s in %q", addr, want, block, country)
		}
		for _, edge := range []netip.Addr{block.Addr(), lastOf(block)} {
			if other, _ := table.Country(edge); other != country {
				t.Fatalf("%s of %s is in %q, not %q", edge, block, other, country)
			}
		}
		if block.Bits() > 0 && alike(table, wider(block), country) {
			t.Fatalf("%s could be wider than %s", addr, block)
		}
	})
}

// drawAddr draws addresses that are spread over the table, and some in IPv6 form.
func drawAddr(t *rapid.T) netip.Addr {
	var octets [16]byte
	switch rapid.IntRange(0, 2).Draw(t, "family") {
	case 0:
		binary.BigEndian.PutUint32(octets[:], rapid.Uint32().Draw(t, "v4"))
		return netip.AddrFrom4([4]byte(octets[:4]))
	case 1:
		octets[10], octets[11] = 0xff, 0xff
		binary.BigEndian.PutUint32(octets[12:], rapid.Uint32().Draw(t, "mapped"))
		return netip.AddrFrom16(octets)
	}
	binary.BigEndian.PutUint64(octets[:], 0x2000<<48|rapid.Uint64().Draw(t, "v6")>>3)
	return netip.AddrFrom16(octets)
}

// alike reports whether every range that begins in the block, and its first address, has the country.
func alike(table *AddressTable, block netip.Prefix, country string) bool {
	if first, _ := table.Country(block.Addr()); first != country {
		return false
	}
	_, first := table.Block(block.Addr())
	last, _ := table.Country(lastOf(block))
	return last == country && (first.Bits() <= block.Bits())
}

func wider(block netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(block.Addr(), block.Bits()-1).Masked()
}

// lastOf returns the last address of a block.
func lastOf(block netip.Prefix) netip.Addr {
	octets := block.Addr().AsSlice()
	for bit := block.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(octets)
	return last
}

func TestAddressTable_Block_Cases(t *testing.T) {
	table := testkit.Must(Addresses())(t)
	for _, tt := range []struct {
		name, addr, country string
		bits                int
	}{
		{"private", "10.1.2.3", "", 8},
		{"loopback", "127.0.0.1", "", 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			country, block := table.Block(netip.MustParseAddr(tt.addr))
			if country != tt.country || block.Bits() != tt.bits {
				t.Errorf("%s in %q, want /%d in %q", block, country, tt.bits, tt.country)
			}
		})
	}
	if country, block := table.Block(netip.Addr{}); country != "" || block.IsValid() {
		t.Errorf("no address is in %q, %s", country, block)
	}
}

func TestBlockLength(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		address, first, after uint64
		width, want           int
	}{
		{"the whole space", 7 << 32, 0, 0, 32, 0},
		{"the lower half", 7 << 32, 0, 1 << 63, 32, 1},
		{"the upper half", 3 << 62, 1 << 63, 0, 32, 1},
		{"one address", 7 << 32, 7 << 32, 8 << 32, 32, 32},
		{"two addresses, not of one block", 7 << 32, 7 << 32, 9 << 32, 32, 32},
		{"two addresses of one block", 7 << 32, 6 << 32, 8 << 32, 32, 31},
		{"one /64", 7, 7, 8, 64, 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := blockLength(tt.address, tt.first, tt.after, tt.width); got != tt.want {
				t.Errorf("%d bits, want %d", got, tt.want)
			}
		})
	}
}
