package geo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // the tables below
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

//go:embed data/ip_country_v4.csv.gz
var tableV4 []byte

//go:embed data/ip_country_v6.csv.gz
var tableV6 []byte

// An AddressTable maps addresses to the country they were delegated to. It takes about 2 MB, never changes, and is
// safe for concurrent use.
type AddressTable struct {
	countries []string // by the number in owners; 0 is no country
	v4        ranges[uint32]
	v6        ranges[uint64] // by the upper half of the address: no block is smaller than a /64
}

// ranges cut a whole address space into pieces: piece i begins at starts[i], ends before the next begins, and belongs
// to owners[i]. Two slices rather than one of structs avoid padding.
type ranges[T uint32 | uint64] struct {
	starts []T
	owners []uint8
}

var loadOnce = sync.OnceValues(loadAddresses)

// Addresses returns the table compiled into the binary. The first call unpacks it in about 0.1 s.
func Addresses() (*AddressTable, error) { return loadOnce() }

// Country returns the ISO 3166-1 alpha-2 code of the country the address was delegated to. It returns false for
// unassigned addresses, such as private ones. IPv4 addresses may be in IPv6 form. It does not allocate.
func (t *AddressTable) Country(addr netip.Addr) (country string, ok bool) {
	addr = addr.Unmap()
	var owner uint8
	switch {
	case addr.Is4():
		octets := addr.As4()
		owner = t.v4.owner(binary.BigEndian.Uint32(octets[:]))
	case addr.Is6():
		octets := addr.As16()
		owner = t.v6.owner(binary.BigEndian.Uint64(octets[:8]))
	}
	return t.countries[owner], owner != 0
}

// owner returns the owner of the piece that holds the address.
func (r ranges[T]) owner(address T) uint8 {
	at, exact := slices.BinarySearch(r.starts, address)
	if !exact {
		at-- // the first piece begins at 0, so there is always one before
	}
	return r.owners[at]
}

// add appends the block from first to last, and joins it to a neighbour of the same owner. It returns false if the block
// does not lie behind all earlier ones.
func (r *ranges[T]) add(first, last T, owner uint8) bool {
	end := len(r.starts) - 1
	switch {
	case first < r.starts[end]:
		return false
	case r.starts[end] == first: // it begins where the one before ended
		r.owners[end] = owner
		if end > 0 && r.owners[end-1] == owner {
			r.starts, r.owners = r.starts[:end], r.owners[:end]
		}
	default:
		r.starts, r.owners = append(r.starts, first), append(r.owners, owner)
	}
	if last+1 != 0 { // 0 is the end of the address space
		r.starts, r.owners = append(r.starts, last+1), append(r.owners, 0)
	}
	return true
}

// loadAddresses unpacks the table.
func loadAddresses() (*AddressTable, error) {
	t := &AddressTable{
		countries: []string{""},
		v4:        ranges[uint32]{starts: []uint32{0}, owners: []uint8{0}},
		v6:        ranges[uint64]{starts: []uint64{0}, owners: []uint8{0}},
	}
	for _, packed := range [][]byte{tableV4, tableV6} {
		if err := t.read(packed); err != nil {
			return nil, fmt.Errorf("reading the table of addresses: %w", err)
		}
	}
	t.v4.starts, t.v4.owners = slices.Clip(t.v4.starts), slices.Clip(t.v4.owners)
	t.v6.starts, t.v6.owners = slices.Clip(t.v6.starts), slices.Clip(t.v6.owners)
	return t, nil
}

// read adds a gzipped file of "prefix,country" lines under a header, sorted by prefix and without overlap.
func (t *AddressTable) read(packed []byte) error {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	owners := make(map[string]uint8)
	for i, country := range t.countries {
		owners[country] = uint8(i)
	}
	lines := bufio.NewScanner(unpacked)
	lines.Scan() // the header
	for lines.Scan() {
		cidr, country, _ := strings.Cut(lines.Text(), ",")
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return err
		}
		owner, known := owners[country]
		if !known {
			if len(t.countries) > 255 {
				return fmt.Errorf("more than 255 countries at %s", cidr)
			}
			owner = uint8(len(t.countries))
			owners[country] = owner
			t.countries = append(t.countries, strings.Clone(country))
		}
		if err := t.add(prefix, owner); err != nil {
			return err
		}
	}
	return lines.Err()
}

// add appends a prefix, which must lie behind all earlier ones.
func (t *AddressTable) add(prefix netip.Prefix, owner uint8) error {
	var ordered bool
	switch {
	case prefix.Addr().Is4():
		octets := prefix.Addr().As4()
		first := binary.BigEndian.Uint32(octets[:])
		ordered = t.v4.add(first, first|^uint32(0)>>prefix.Bits(), owner)
	case prefix.Bits() > 64:
		return fmt.Errorf("%s is smaller than a /64", prefix)
	default:
		octets := prefix.Addr().As16()
		first := binary.BigEndian.Uint64(octets[:8])
		ordered = t.v6.add(first, first|^uint64(0)>>prefix.Bits(), owner)
	}
	if !ordered {
		return fmt.Errorf("%s overlaps the prefix before it, or is out of order", prefix)
	}
	return nil
}
