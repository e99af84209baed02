package dns

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// addRecords parses the records that depend on no region.
func (b *builder) addRecords() {
	parser := dns.NewZoneParser(strings.NewReader(b.file.Records), b.zone.apex, "records")
	parser.SetDefaultTTL(b.staticTTL())
	count := 0
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if count++; count > maxRecords {
			b.fault("records: there are more than %d", maxRecords)
			return
		}
		header := rr.Header()
		header.Name = dns.CanonicalName(header.Name)
		if reason := b.refusal(rr); reason != "" {
			b.fault("records: %s %s: %s", header.Name, typeName(header.Rrtype), reason)
			continue
		}
		if time := uint32(maxTTL.Seconds()); header.Ttl > time {
			b.fault("records: %s %s: a TTL of %d s is more than a week", header.Name, typeName(header.Rrtype), header.Ttl)
		}
		b.add(rr)
	}
	if err := parser.Err(); err != nil {
		b.fault("records: %w", err)
	}
}

// refusal returns why the file may not have the record, or "".
func (b *builder) refusal(rr dns.RR) string {
	name, kind := rr.Header().Name, rr.Header().Rrtype
	switch {
	case !b.zone.inside(name):
		return "it is outside of the zone"
	case rr.Header().Class != dns.ClassINET:
		return "only class IN is answered"
	case name == "*" || strings.HasPrefix(name, "*."):
		return "there are no wildcards: list the names"
	case kind == dns.TypeSOA, kind == dns.TypeNS && name == b.zone.apex:
		return "use the fields soa and nameservers"
	case kind == dns.TypeNS, kind == dns.TypeDNAME, kind == dns.TypeDS:
		return "there are no delegations: answer for the name here, or move the zone to a server of general use"
	case slices.Contains(signatureTypes, kind):
		return "the server makes it itself where dnssec.keys are given"
	case kind == dns.TypeOPT || kind == dns.TypeTSIG || kind >= 128 && kind <= 255:
		return "this type is not for zones"
	}
	return ""
}

// signatureTypes are made by the server.
var signatureTypes = []uint16{dns.TypeDNSKEY, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM}

// checkSets checks what holds of all records of a name together.
func (b *builder) checkSets() {
	for _, at := range b.zone.nodes {
		if len(at.records[dns.TypeCNAME]) > 0 && (len(at.records) > 1 || len(at.records[dns.TypeCNAME]) > 1 || at.latency != nil) {
			b.fault("records: %s has a CNAME and others beside it (RFC 2181, section 10.1)", at.name)
		}
		for kind, set := range at.records {
			// RFC 2181, section 5.2.
			if slices.ContainsFunc(set, func(rr dns.RR) bool { return rr.Header().Ttl != set[0].Header().Ttl }) {
				b.fault("records: the %s records of %s have several TTLs: give them one", typeName(kind), at.name)
			}
			if at.latency != nil && latencyOwns(at.latency, kind) {
				b.fault("records: %s %s: the name is answered with the nearest regions, see latency",
					at.name, typeName(kind))
			}
		}
	}
}

// latencyOwns reports whether the name's records of the type are made from regions.
func latencyOwns(l *LatencyName, kind uint16) bool {
	return l.Answer == "cname" || slices.Contains([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME}, kind) ||
		kind == dns.TypeHTTPS && l.HTTPS != nil || kind == dns.TypeSVCB && l.SVCB != nil
}

// addressRecord returns the A or AAAA record of an address.
func addressRecord(name string, ttl uint32, addr netip.Addr) dns.RR {
	header := dns.RR_Header{Name: name, Rrtype: addressType(addr), Class: dns.ClassINET, Ttl: ttl}
	if addr.Is4() {
		return &dns.A{Hdr: header, A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: header, AAAA: addr.AsSlice()}
}

// addressType returns the type of the record that holds the address.
func addressType(addr netip.Addr) uint16 {
	if addr.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}
