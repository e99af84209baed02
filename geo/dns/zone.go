package dns

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"meridian/regions"
)

// A zone is a file, checked and indexed. It never changes.
type zone struct {
	file  *File
	apex  string // in lower case
	wire  string // the apex in wire form
	nodes map[string]*node
	kinds map[uint16]bool // the types that exist somewhere
	top   *node
	soa   *dns.SOA
	place *locator
	keys  []signingKey
}

// A node is a name of the zone. One without records is an empty non-terminal: it exists, for names below it do.
type node struct {
	name    string
	records map[uint16][]dns.RR // that depend on no region
	latency *LatencyName        // nil for a name that depends on none
	alias   *node               // where its CNAME leads, if that is inside the zone
}

// tailored reports whether the answer for a type may depend on where the client is.
func (n *node) tailored(kind uint16) bool {
	for ; n != nil; n = n.alias {
		if n.latency != nil && latencyOwns(n.latency, kind) {
			return true
		}
	}
	return false
}

// kind returns the type that answers of this type are kept under. All types that the name and those that it leads to lack are
// kept as one, dns.TypeNone, so that nobody who asks for all of them fills the memory.
func (z *zone) kind(at *node, kind uint16) uint16 {
	if kind == dns.TypeANY || kind == dns.TypeNSEC || kind == dns.TypeCNAME {
		return kind
	}
	for ; at != nil; at = at.alias {
		if len(at.records[kind]) > 0 || at.latency != nil && latencyOwns(at.latency, kind) && z.kinds[kind] {
			return kind
		}
	}
	return dns.TypeNone
}

// findKinds finds the types that exist somewhere in the zone.
func (z *zone) findKinds() {
	z.kinds = make(map[uint16]bool)
	for _, at := range z.nodes {
		for kind := range at.records {
			z.kinds[kind] = true
		}
		for _, kind := range regionTypes {
			z.kinds[kind] = z.kinds[kind] || at.latency != nil && latencyOwns(at.latency, kind)
		}
	}
}

// regionTypes are the types that can be made from regions.
var regionTypes = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeSVCB}

// wireName returns a name in wire form and lower case, by which nodes are found.
func wireName(name string) (string, error) {
	buffer := make([]byte, maxNameBytes+1)
	end, err := dns.PackDomainName(dns.CanonicalName(name), buffer, 0, nil, false)
	if err != nil {
		return "", err
	}
	return string(buffer[:end]), nil
}

// maxNameBytes is the longest name in wire form (RFC 1035, section 3.1).
const maxNameBytes = 255

// A builder turns a file into a zone and collects what is wrong with it.
type builder struct {
	file   *File
	set    *regions.Set
	zone   *zone
	faults []error
}

// newZone checks the file and indexes it. The error joins every fault found, each naming its field and the remedy.
func newZone(file *File, set *regions.Set) (*zone, error) {
	b := &builder{file: file, set: set, zone: &zone{file: file, nodes: make(map[string]*node)}}
	b.addApex()
	if len(b.faults) > 0 {
		return nil, errors.Join(b.faults...) // without the zone's name, no other can be read
	}
	b.checkNumbers()
	b.addNameservers()
	b.addLatency()
	b.addRecords()
	b.checkSets()
	b.linkAliases()
	b.checkRegions()
	b.openLocator()
	b.readKeys()
	b.zone.findKinds()
	return b.zone, errors.Join(b.faults...)
}

func (b *builder) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf(format, args...))
}

// addApex sets the zone's name and its SOA.
func (b *builder) addApex() {
	name := b.file.Zone
	if _, ok := dns.IsDomainName(name); !ok || !strings.HasSuffix(name, ".") || name == "." {
		b.fault("zone: %q is not the full name of a zone: write it with its final dot, such as shop.example.", name)
		return
	}
	b.zone.apex = dns.CanonicalName(name)
	b.zone.wire, _ = wireName(name) // IsDomainName has parsed it
	b.zone.top = &node{name: b.zone.apex, records: make(map[uint16][]dns.RR)}
	b.zone.nodes[b.zone.wire] = b.zone.top
	soa := b.file.SOA
	b.zone.soa = &dns.SOA{
		// RFC 2308, section 3: a negative answer may be cached for the lesser of the SOA's TTL and its last field.
		Hdr: b.header(b.zone.apex, dns.TypeSOA, uint32(b.file.TTL.Negative.Seconds())),
		Ns:  b.absolute("soa.mname", soa.MName), Mbox: b.absolute("soa.rname", soa.RName), Serial: soa.Serial,
		Refresh: uint32(soa.Refresh.Seconds()), Retry: uint32(soa.Retry.Seconds()), Expire: uint32(soa.Expire.Seconds()),
		Minttl: uint32(b.file.TTL.Negative.Seconds()),
	}
	b.zone.top.records[dns.TypeSOA] = []dns.RR{b.zone.soa}
}

func (b *builder) header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

func (b *builder) staticTTL() uint32 { return uint32(b.file.TTL.Static.Seconds()) }

// absolute returns the full name, in lower case, that a field of the file means.
func (b *builder) absolute(field, name string) string {
	apex := b.zone.apex
	full := name
	switch {
	case name == "@":
		full = apex
	case !strings.HasSuffix(name, "."):
		if strings.HasSuffix("."+strings.ToLower(name), "."+strings.TrimSuffix(apex, ".")) {
			b.fault("%s: %q would mean %s.%s: add the final dot", field, name, name, apex)
		}
		full = name + "." + apex
	}
	if _, err := wireName(full); err != nil || name == "" {
		b.fault("%s: %q is not a name: write it as www.%s, or www", field, name, apex)
		return apex
	}
	return dns.CanonicalName(full)
}

// inside reports whether the name is the zone's or below it.
func (z *zone) inside(name string) bool { return dns.IsSubDomain(z.apex, name) }

// node returns the node of a name in the zone; it and those between it and the apex are added if need be.
func (b *builder) node(name string) *node {
	wire, err := wireName(name)
	if err != nil {
		b.fault("%q is not a name: %w", name, err)
		return b.zone.top
	}
	if found, ok := b.zone.nodes[wire]; ok {
		return found
	}
	added := &node{name: name, records: make(map[uint16][]dns.RR)}
	b.zone.nodes[wire] = added
	if next, end := dns.NextLabel(name, 0); !end {
		b.node(name[next:])
	}
	return added
}

// add adds a record.
func (b *builder) add(rr dns.RR) {
	at := b.node(rr.Header().Name)
	kind := rr.Header().Rrtype
	for _, other := range at.records[kind] {
		if dns.IsDuplicate(rr, other) {
			return // RFC 2181, section 5: a set has no record twice
		}
	}
	at.records[kind] = append(at.records[kind], rr)
}

// addNameservers adds the NS records and, inside the zone, their addresses.
func (b *builder) addNameservers() {
	if len(b.file.Nameservers) == 0 {
		b.fault("nameservers: there is none: list at least one, with its addresses if it is inside the zone")
	}
	for i, server := range b.file.Nameservers {
		field := fmt.Sprintf("nameservers[%d]", i)
		name := b.absolute(field+".name", server.Name)
		b.add(&dns.NS{Hdr: b.header(b.zone.apex, dns.TypeNS, b.staticTTL()), Ns: name})
		if inside := b.zone.inside(name); inside != (len(server.Addresses) > 0) {
			b.fault("%s.addresses: a name inside the zone must have some, and one outside none", field)
			continue
		}
		for _, addr := range server.Addresses {
			b.add(addressRecord(name, b.staticTTL(), addr))
		}
	}
}

// addLatency adds the names that are answered with regions.
func (b *builder) addLatency() {
	if len(b.file.Latency) == 0 {
		b.fault("latency: there is none: list the names that are answered with the nearest regions")
	}
	for i := range b.file.Latency {
		entry := &b.file.Latency[i]
		field := fmt.Sprintf("latency[%d]", i)
		name := b.absolute(field+".name", entry.Name)
		if !b.zone.inside(name) || strings.HasPrefix(name, "*.") {
			b.fault("%s.name: %q is outside of the zone, or a wildcard", field, entry.Name)
			continue
		}
		at := b.node(name)
		switch {
		case at.latency != nil:
			b.fault("%s.name: %q is listed twice", field, entry.Name)
		case entry.Answer != "addresses" && entry.Answer != "cname":
			b.fault(`%s.answer: %q is not "addresses" or "cname"`, field, entry.Answer)
		case entry.Answer == "cname" && name == b.zone.apex:
			b.fault(`%s.answer: the zone itself cannot be a CNAME: use "addresses"`, field)
		case entry.Answer == "cname" && (entry.HTTPS != nil || entry.SVCB != nil):
			b.fault("%s: a CNAME has no https or svcb beside it: leave them to its target", field)
		}
		b.checkService(field+".https", entry.HTTPS)
		b.checkService(field+".svcb", entry.SVCB)
		at.latency = entry
	}
}

// checkService checks that the parameters can be packed.
func (b *builder) checkService(field string, service *Service) {
	if service == nil {
		return
	}
	for _, id := range service.ALPN {
		if id == "" || len(id) > 255 {
			b.fault("%s.alpn: %q is not a protocol: write it as h2", field, id)
		}
	}
	if len(service.ALPN) > 16 {
		b.fault("%s.alpn: %d protocols: list at most 16", field, len(service.ALPN))
	}
}

// linkAliases finds where each CNAME leads, and refuses circles.
func (b *builder) linkAliases() {
	for _, from := range b.zone.nodes {
		for _, rr := range from.records[dns.TypeCNAME] {
			wire, err := wireName(rr.(*dns.CNAME).Target)
			if err == nil {
				from.alias = b.zone.nodes[wire]
			}
		}
	}
	for _, from := range b.zone.nodes {
		steps := 0
		for to := from.alias; to != nil && steps <= maxAliases; to = to.alias {
			steps++
		}
		if steps > maxAliases {
			b.fault("records: the CNAME of %s leads through more than %d others, or in a circle", from.name, maxAliases)
		}
	}
}

// maxAliases bounds the CNAMEs that one answer follows.
const maxAliases = 8
