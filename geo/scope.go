package geo

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// Block returns what Country returns, and the largest block of addresses around this one that Country answers alike. An
// answer that was chosen by country is right for the whole block and may be cached for it: the block's length is the
// scope of RFC 7871, section 7.2.1. IPv4 blocks have 0 to 32 bits, IPv6 blocks 0 to 64. An invalid address has the
// zero Prefix.
func (t *AddressTable) Block(addr netip.Addr) (country string, block netip.Prefix) {
	addr = addr.Unmap()
	var owner uint8
	var length int
	switch {
	case addr.Is4():
		octets := addr.As4()
		address := binary.BigEndian.Uint32(octets[:])
		first, after, at := t.v4.piece(address)
		owner, length = t.v4.owners[at], blockLength(uint64(address)<<32, uint64(first)<<32, uint64(after)<<32, 32)
	case addr.Is6():
		octets := addr.As16()
		address := binary.BigEndian.Uint64(octets[:8])
		first, after, at := t.v6.piece(address)
		owner, length = t.v6.owners[at], blockLength(address, first, after, 64)
	default:
		return "", netip.Prefix{}
	}
	block, _ = addr.WithZone("").Prefix(length) // which fails only for lengths out of range
	return t.countries[owner], block
}

// piece returns the piece that holds the address: its first address, the first one after it (0 at the end of the
// address space) and its index.
func (r ranges[T]) piece(address T) (first, after T, at int) {
	at, exact := slices.BinarySearch(r.starts, address)
	if !exact {
		at--
	}
	if at+1 < len(r.starts) {
		after = r.starts[at+1]
	}
	return r.starts[at], after, at
}

// blockLength returns the length of the shortest prefix of the address that covers neither the address before first nor
// after. Addresses are left-aligned in 64 bits and have width bits.
func blockLength(address, first, after uint64, width int) int {
	one := uint64(1) << (64 - width) // the distance between two addresses
	length := 0
	if first != 0 {
		length = bits.LeadingZeros64(address^(first-one)) + 1
	}
	if after != 0 {
		length = max(length, bits.LeadingZeros64(address^after)+1)
	}
	return min(length, width)
}
