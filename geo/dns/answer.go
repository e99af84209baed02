package dns

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// An answer holds the sections of a response.
type answer struct {
	rcode                          int
	records, authority, additional []dns.RR
	denied                         *node  // the name that lacks the type, if it exists
	missing                        string // the name that does not exist
}

// answer answers a type at a name with the regions in the order, through the CNAMEs on the way.
func (v *view) answer(at *node, kind uint16, o order) answer {
	var a answer
	for range maxAliases + 1 {
		if set := v.set(at, kind, o); len(set) > 0 {
			a.records = append(a.records, set...)
			a.additional = v.glue(kind, set)
			return a
		}
		alias := v.set(at, dns.TypeCNAME, o)
		if len(alias) == 0 {
			a.authority, a.denied = []dns.RR{v.zone.soa}, at
			return a
		}
		a.records = append(a.records, alias...)
		target := alias[0].(*dns.CNAME).Target
		if !v.zone.inside(target) {
			return a
		}
		wire, err := wireName(target)
		next, ok := v.zone.nodes[wire]
		if err != nil || !ok {
			// RFC 6604: the code is that of the last name.
			a.rcode, a.missing, a.authority = dns.RcodeNameError, target, []dns.RR{v.zone.soa}
			return a
		}
		at = next
	}
	return a // a target of a region that leads in a circle
}

// set returns the records of a type at a name.
func (v *view) set(at *node, kind uint16, o order) []dns.RR {
	switch {
	case kind == dns.TypeANY:
		return v.anything(at)
	case kind == dns.TypeNSEC && v.signed != nil:
		return []dns.RR{v.signed.exists(at, v.types(at))}
	case at.latency == nil || !latencyOwns(at.latency, kind):
		return at.records[kind]
	case at.latency.Answer == "cname":
		return v.target(at, kind, o)
	case kind == dns.TypeA || kind == dns.TypeAAAA:
		return v.addressRecords(at, kind, o)
	case kind == dns.TypeHTTPS || kind == dns.TypeSVCB:
		return v.services(at, kind, o)
	}
	return nil
}

// anything answers ANY with a record that says that there is no such answer (RFC 8482, section 4.2).
func (v *view) anything(at *node) []dns.RR {
	if len(v.types(at)) == 0 {
		return nil
	}
	header := dns.RR_Header{Name: at.name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: uint32(v.zone.file.TTL.Static.Seconds())}
	return []dns.RR{&dns.HINFO{Hdr: header, Cpu: "RFC8482"}}
}

// types returns the types that exist at a name, whichever regions are near.
func (v *view) types(at *node) []uint16 {
	var types []uint16
	for kind := range at.records {
		types = append(types, kind)
	}
	if at.latency != nil {
		for _, kind := range regionTypes {
			if latencyOwns(at.latency, kind) && len(v.set(at, kind, 0)) > 0 {
				types = append(types, kind)
			}
		}
	}
	return types
}

func (v *view) latencyTTL() uint32 { return uint32(v.zone.file.TTL.Latency.Seconds()) }

func (v *view) latencyHeader(at *node, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: at.name, Rrtype: kind, Class: dns.ClassINET, Ttl: v.latencyTTL()}
}

// target returns the CNAME to the first region that has a target.
func (v *view) target(at *node, kind uint16, o order) []dns.RR {
	if kind != dns.TypeCNAME {
		return nil
	}
	for region := range v.from(o, func(s RegionState) bool { return s.Target != "" }) {
		return []dns.RR{&dns.CNAME{Hdr: v.latencyHeader(at, kind), Target: v.states[region].Target}}
	}
	return nil
}

// from yields the regions in the order that have something, or all that have it if those in the order do not: a type
// exists whatever the order.
func (v *view) from(o order, has func(RegionState) bool) func(func(int) bool) {
	return func(yield func(int) bool) {
		found := false
		for region := range o.regions {
			if has(v.states[region]) {
				found = true
				if !yield(region) {
					return
				}
			}
		}
		for region, state := range v.states {
			if !found && has(state) && !yield(region) {
				return
			}
		}
	}
}

// addresses returns the addresses for a record type, the nearest region's first, until there are enough.
func (v *view) addresses(kind uint16, o order) []netip.Addr {
	var all []netip.Addr
	ofKind := func(addr netip.Addr) bool { return addressType(addr) == kind }
	for region := range v.from(o, func(s RegionState) bool { return slices.ContainsFunc(s.Addresses, ofKind) }) {
		for _, addr := range v.states[region].Addresses {
			if ofKind(addr) {
				all = append(all, addr)
			}
		}
		if len(all) >= v.zone.file.MinAddresses {
			break
		}
	}
	return all
}

func (v *view) addressRecords(at *node, kind uint16, o order) []dns.RR {
	var set []dns.RR
	for _, addr := range v.addresses(kind, o) {
		set = append(set, addressRecord(at.name, v.latencyTTL(), addr))
	}
	return set
}

// services returns the HTTPS or SVCB record of a name: itself, with the addresses as hints (RFC 9460, section 7.3).
func (v *view) services(at *node, kind uint16, o order) []dns.RR {
	service := at.latency.SVCB
	if kind == dns.TypeHTTPS {
		service = at.latency.HTTPS
	}
	record := dns.SVCB{Hdr: v.latencyHeader(at, kind), Priority: 1, Target: "."}
	if len(service.ALPN) > 0 {
		record.Value = append(record.Value, &dns.SVCBAlpn{Alpn: service.ALPN})
	}
	if service.Port != 0 {
		record.Value = append(record.Value, &dns.SVCBPort{Port: service.Port})
	}
	if hints := v.hints(dns.TypeA, o); len(hints) > 0 {
		record.Value = append(record.Value, &dns.SVCBIPv4Hint{Hint: hints})
	}
	if hints := v.hints(dns.TypeAAAA, o); len(hints) > 0 {
		record.Value = append(record.Value, &dns.SVCBIPv6Hint{Hint: hints})
	}
	if kind == dns.TypeHTTPS {
		return []dns.RR{&dns.HTTPS{SVCB: record}}
	}
	return []dns.RR{&record}
}

func (v *view) hints(kind uint16, o order) (hints []net.IP) {
	for _, addr := range v.addresses(kind, o) {
		hints = append(hints, addr.AsSlice())
	}
	return hints
}

// glue returns the addresses of nameservers inside the zone.
func (v *view) glue(kind uint16, set []dns.RR) (glue []dns.RR) {
	if kind != dns.TypeNS {
		return nil
	}
	for _, rr := range set {
		wire, err := wireName(rr.(*dns.NS).Ns)
		if at, ok := v.zone.nodes[wire]; ok && err == nil {
			glue = append(append(glue, at.records[dns.TypeA]...), at.records[dns.TypeAAAA]...)
		}
	}
	return glue
}
