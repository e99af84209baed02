package dns

import (
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"

	"meridian/geo"
)

// A locator finds the country of an address.
type locator struct {
	table *geo.AddressTable
	file  *maxminddb.Reader // nil without one
}

// A place is where a client probably is.
type place struct {
	country string
	zone    geo.Zone
}

// openLocator opens the MaxMind file, if one is named. It is read into memory, so that it can be replaced at any time.
func (b *builder) openLocator() {
	table, err := geo.Addresses()
	if err != nil {
		b.faults = append(b.faults, err)
		return
	}
	b.zone.place = &locator{table: table}
	if b.file.MaxMind == "" {
		return
	}
	bytes, err := os.ReadFile(b.file.path(b.file.MaxMind))
	if err == nil {
		b.zone.place.file, err = maxminddb.OpenBytes(bytes)
	}
	if err != nil {
		b.fault("maxmind: %w: name a file in MaxMind's format, such as GeoLite2-Country.mmdb", err)
	}
}

// locate returns where the address is, and the length of the block of addresses that it returns the same for. An unknown
// place is empty.
func (l *locator) locate(addr netip.Addr) (place, int) {
	bits := 0
	if l.file != nil {
		found, length := l.lookUp(addr)
		if found.country != "" {
			return found, length
		}
		bits = length
	}
	country, block := l.table.Block(addr)
	return place{country: country}, max(bits, block.Bits())
}

// A maxMindRecord is what is read of a file in MaxMind's format.
type maxMindRecord struct {
	Country struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Subdivisions []struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"subdivisions"`
}

// lookUp asks the MaxMind file. What cannot be decoded is unknown.
func (l *locator) lookUp(addr netip.Addr) (place, int) {
	result := l.file.Lookup(addr)
	bits := max(0, result.Prefix().Bits())
	var record maxMindRecord
	if !result.Found() || result.Decode(&record) != nil {
		return place{}, bits
	}
	found := place{country: record.Country.Code}
	if found.country == "US" && len(record.Subdivisions) > 0 {
		found.zone = geo.ZoneOfState(record.Subdivisions[0].Code)
	}
	return found, bits
}
