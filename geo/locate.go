package geo

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"meridian/regions"
)

// LocatorConfig says what a Locator trusts. The zero value trusts the client's address alone.
type LocatorConfig struct {
	// TrustedProxies are the networks of the CDN and load balancers in front. Only what comes from one of them has
	// its X-Forwarded-For and country headers believed.
	TrustedProxies []netip.Prefix
	// CountryHeaders are the headers in which those proxies name the client's country, tried in order, for example
	// CF-IPCountry or CloudFront-Viewer-Country.
	CountryHeaders []string
	// StateHeaders are the headers in which those proxies name the state of a client in the United States ("CA" or
	// "US-CA"), for example CloudFront-Viewer-Country-Region.
	StateHeaders []string
	// DefaultCountry is used for clients of unknown country, such as those of a private network. It may be empty.
	DefaultCountry string
}

// Validate reports every fault of the configuration at once.
func (c LocatorConfig) Validate(set *regions.Set) error {
	var faults []error
	for _, network := range c.TrustedProxies {
		if !network.IsValid() {
			faults = append(faults, errors.New("trusted proxies: a network is not valid; give each as address/bits"))
		}
	}
	for _, name := range append(c.CountryHeaders, c.StateHeaders...) {
		if strings.TrimSpace(name) == "" {
			faults = append(faults, errors.New("country and state headers: a name is empty; remove it"))
		}
	}
	if len(c.CountryHeaders)+len(c.StateHeaders) > 0 && len(c.TrustedProxies) == 0 {
		faults = append(faults, errors.New("country and state headers: nobody is trusted to set them; list the CDN under trusted proxies"))
	}
	if _, ok := set.HomeOf(c.DefaultCountry); !ok && c.DefaultCountry != "" {
		faults = append(faults, fmt.Errorf("default country: %q is not an ISO 3166-1 alpha-2 code", c.DefaultCountry))
	}
	return errors.Join(faults...)
}

// A Source says how a country was determined.
type Source string

// The sources of a Location, the surest first.
const (
	FromHeader  Source = "header"  // a trusted proxy named it
	FromAddress Source = "address" // the client's address was delegated there
	FromDefault Source = "default" // neither did; it is the configured country, or none
)

// A Location is where a client probably is. Use it to choose a region, not for anything the client must not choose:
// it can be wrong, and a VPN moves it.
type Location struct {
	// Country is an ISO 3166-1 alpha-2 code that some region homes, or empty.
	Country string
	// Zone is the part of the United States (ZoneEast, …), or empty.
	Zone Zone
	// Addr is the client's address. It is personal data: not for logs. It is invalid when the connection has none.
	Addr netip.Addr
	// Source says how Country was found out.
	Source Source
}

// A Locator determines where clients are. It is safe for concurrent use.
type Locator struct {
	cfg   LocatorConfig
	set   *regions.Set
	table *AddressTable
}

// NewLocator checks the configuration and unpacks the table of addresses.
func NewLocator(cfg LocatorConfig, set *regions.Set) (*Locator, error) {
	if err := cfg.Validate(set); err != nil {
		return nil, err
	}
	table, err := Addresses()
	if err != nil {
		return nil, err
	}
	return &Locator{cfg: cfg, set: set, table: table}, nil
}

// Locate returns where the client of the request is.
func (l *Locator) Locate(r *http.Request) Location {
	loc := Location{Addr: l.ClientAddr(r)}
	if l.FromTrusted(r) {
		loc.Country = l.headerCountry(r.Header)
	}
	if loc.Country != "" {
		loc.Source = FromHeader
		if loc.Country == "US" {
			loc.Zone = l.headerZone(r.Header)
		}
		return loc
	}
	if country, ok := l.table.Country(loc.Addr); ok && l.homed(country) {
		loc.Country, loc.Source = country, FromAddress
		return loc
	}
	loc.Country, loc.Source = l.cfg.DefaultCountry, FromDefault
	return loc
}

// headerCountry returns the first country a header names, or "". It skips codes that no region homes: CDNs send XX
// for unknown and T1 for Tor.
func (l *Locator) headerCountry(h http.Header) string {
	for _, name := range l.cfg.CountryHeaders {
		if country := strings.ToUpper(strings.TrimSpace(h.Get(name))); l.homed(country) {
			return country
		}
	}
	return ""
}

func (l *Locator) headerZone(h http.Header) Zone {
	for _, name := range l.cfg.StateHeaders {
		state := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(h.Get(name))), "US-")
		if zone := ZoneOfState(state); zone != "" {
			return zone
		}
	}
	return ""
}

func (l *Locator) homed(country string) bool {
	_, ok := l.set.HomeOf(country)
	return ok
}

// FromTrusted reports whether the request's connection comes from a trusted proxy.
func (l *Locator) FromTrusted(r *http.Request) bool { return l.trusted(peerAddr(r)) }

// ClientAddr returns the client's address: the connection's or, if that belongs to a trusted proxy, the rightmost
// address in X-Forwarded-For that does not. Entries further left were written by unknown parties. If an entry is not
// an address, the proxy that wrote it is taken for the client. The result is invalid when the connection itself has
// no address.
func (l *Locator) ClientAddr(r *http.Request) netip.Addr {
	client := peerAddr(r)
	chain := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for chain != "" && l.trusted(client) {
		entry := chain
		if comma := strings.LastIndexByte(chain, ','); comma >= 0 {
			chain, entry = chain[:comma], chain[comma+1:]
		} else {
			chain = ""
		}
		addr, ok := parseForwarded(entry)
		if !ok {
			break
		}
		client = addr
	}
	return client
}

func (l *Locator) trusted(addr netip.Addr) bool {
	return addr.IsValid() && slices.ContainsFunc(l.cfg.TrustedProxies, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// peerAddr returns the address at the other end of the connection.
func peerAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// parseForwarded parses an entry of X-Forwarded-For, to which some proxies add a port.
func parseForwarded(entry string) (addr netip.Addr, ok bool) {
	entry = strings.TrimSpace(entry)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(entry)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
