package dns

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// checkNumbers checks the durations and counts.
func (b *builder) checkNumbers() {
	f := b.file
	for _, one := range []struct {
		field       string
		value       time.Duration
		least, most time.Duration
	}{
		{"soa.refresh", f.SOA.Refresh, time.Minute, 90 * 24 * time.Hour},
		{"soa.retry", f.SOA.Retry, time.Minute, 90 * 24 * time.Hour},
		{"soa.expire", f.SOA.Expire, time.Hour, 366 * 24 * time.Hour},
		{"ttl.latency", f.TTL.Latency, minLatencyTTL, maxLatencyTTL},
		{"ttl.static", f.TTL.Static, time.Second, maxTTL},
		// RFC 2308, section 5: above a day nobody keeps it.
		{"ttl.negative", f.TTL.Negative, time.Second, 24 * time.Hour},
		{"probes.interval", f.Probes.Interval, 100 * time.Millisecond, time.Hour},
		{"probes.timeout", f.Probes.Timeout, 10 * time.Millisecond, time.Minute},
	} {
		if one.value < one.least || one.value > one.most {
			b.fault("%s: %s is not from %s to %s", one.field, one.value, one.least, one.most)
		}
	}
	for _, one := range []struct {
		field              string
		value, least, most int
	}{
		{"min_addresses", f.MinAddresses, 1, maxAddresses},
		{"probes.down_after", f.Probes.DownAfter, 1, 100},
		{"rate_limit.per_second", f.RateLimit.PerSecond, -1, 1_000_000},
		{"rate_limit.slip", f.RateLimit.Slip, -1, 100},
		{"measurements", len(f.Measurements), 0, 16},
	} {
		if one.value < one.least || one.value > one.most {
			b.fault("%s: %d is not from %d to %d", one.field, one.value, one.least, one.most)
		}
	}
	for i, network := range f.RateLimit.Exempt {
		if !network.IsValid() {
			b.fault("rate_limit.exempt[%d]: it is not a network: write it as 192.0.2.0/24", i)
		}
	}
	for i, address := range f.Measurements {
		b.checkURL(fmt.Sprintf("measurements[%d]", i), address)
	}
}

func (b *builder) checkURL(field, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		b.fault("%s: it is not the URL of a server: write it as https://edge.example/path", field)
	}
}

// checkRegions checks the regions that the file lists.
func (b *builder) checkRegions() {
	if len(b.file.Regions) > maxRegions {
		b.fault("regions: %d are more than %d", len(b.file.Regions), maxRegions)
	}
	seen := make(map[string]bool)
	for i := range b.file.Regions {
		region := &b.file.Regions[i]
		field := fmt.Sprintf("regions[%d]", i)
		if _, ok := b.set.Get(region.Name); !ok || seen[region.Name] {
			b.fault("%s.name: %q is not one of %v, or listed twice", field, region.Name, b.set.Names())
		}
		seen[region.Name] = true
		if region.Weight != nil && (*region.Weight < 0 || *region.Weight > 100) {
			b.fault("%s.weight: %d is not from 0 to 100", field, *region.Weight)
		}
		if region.Probe != "" {
			b.checkURL(field+".probe", region.Probe)
		}
		if region.Target != "" {
			region.Target = b.absolute(field+".target", region.Target)
		}
		b.checkAddresses(field, *region)
	}
	b.checkFamilies()
}

func (b *builder) checkAddresses(field string, region FileRegion) {
	if len(region.Addresses) > maxAddresses {
		b.fault("%s.addresses: %d are more than %d", field, len(region.Addresses), maxAddresses)
	}
	if len(region.Addresses) == 0 && region.Target == "" {
		b.fault("%s: it has neither addresses nor a target", field)
	}
	for _, addr := range region.Addresses {
		if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
			b.fault("%s.addresses: %s is not an address that clients can reach", field, addr)
		}
	}
}

// checkFamilies refuses a file in which some regions have a kind of address that others lack: clients that prefer it
// would be sent past the nearest.
func (b *builder) checkFamilies() {
	addresses, targets := false, false
	for _, entry := range b.file.Latency {
		addresses, targets = addresses || entry.Answer == "addresses", targets || entry.Answer == "cname"
	}
	for _, kind := range []struct {
		name   string
		has    func(FileRegion) bool
		needed bool
	}{
		{"an IPv4 address", func(r FileRegion) bool { return slices.ContainsFunc(r.Addresses, netip.Addr.Is4) }, false},
		{"an IPv6 address", func(r FileRegion) bool { return slices.ContainsFunc(r.Addresses, netip.Addr.Is6) }, false},
		{"addresses", func(r FileRegion) bool { return len(r.Addresses) > 0 }, addresses},
		{"a target", func(r FileRegion) bool { return r.Target != "" }, targets},
	} {
		with := 0
		for _, region := range b.file.Regions {
			if kind.has(region) {
				with++
			}
		}
		if with < len(b.file.Regions) && (with > 0 || kind.needed) && (kind.name != "a target" || kind.needed) {
			b.fault("regions: %d of %d have %s: give all of them one, or none, so that nobody is sent past the nearest",
				with, len(b.file.Regions), kind.name)
		}
	}
}

// typeName returns the name of a type for messages.
func typeName(kind uint16) string { return dns.Type(kind).String() }
