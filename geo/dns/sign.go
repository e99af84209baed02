package dns

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// signatures signs what one view answers. Signatures are valid from an hour before the view was made, for clocks that are
// late, and much longer than a view lives.
type signatures struct {
	zone              *zone
	inception, expiry uint32
}

const (
	signatureLead  = time.Hour
	signatureValid = 7 * 24 * time.Hour
	// signatureRenew is how old a view of a signed zone gets. Resolvers keep nothing beyond the end of its signature
	// (RFC 4035, section 5.3.3), so that any part of signatureValid would do.
	signatureRenew = 12 * time.Hour
)

func newSignatures(z *zone, now time.Time) *signatures {
	return &signatures{zone: z, inception: uint32(now.Add(-signatureLead).Unix()), expiry: uint32(now.Add(signatureValid).Unix())}
}

// signing says which signatures a query asks for.
type signing struct {
	do bool // any
	co bool // with the code NXDOMAIN beside a compact denial (RFC 9824, section 5.1)
}

// sign adds what a resolver that checks signatures needs, if it asks for it. Beside a compact denial the code is NOERROR,
// unless the resolver knows of it: others would miss the proof that NXDOMAIN wants (RFC 9824, section 3.1).
func (v *view) sign(a answer, asked signing) answer {
	if !asked.do {
		return a
	}
	if a.denied != nil {
		a.authority = append(a.authority, v.signed.exists(a.denied, v.types(a.denied)))
	}
	if a.missing != "" {
		if !asked.co {
			a.rcode = dns.RcodeSuccess
		}
		a.authority = append(a.authority, v.signed.missing(a.missing))
	}
	a.records, a.authority = v.signed.each(a.records), v.signed.each(a.authority)
	return a
}

// each returns the records with the signatures of each set behind it.
func (s *signatures) each(records []dns.RR) []dns.RR {
	var all []dns.RR
	for len(records) > 0 {
		first := records[0].Header()
		end := slices.IndexFunc(records, func(rr dns.RR) bool {
			return rr.Header().Rrtype != first.Rrtype || rr.Header().Name != first.Name
		})
		if end < 0 {
			end = len(records)
		}
		all = append(append(all, records[:end]...), s.signSet(records[:end])...)
		records = records[end:]
	}
	return all
}

// signSet returns the signatures of a set: the keys' set is signed by those with the SEP flag, others by those without;
// a single kind of key signs both (RFC 6781, section 3.1).
func (s *signatures) signSet(set []dns.RR) []dns.RR {
	sep := set[0].Header().Rrtype == dns.TypeDNSKEY
	keys := slices.DeleteFunc(slices.Clone(s.zone.keys), func(k signingKey) bool { return k.record.Flags&dns.SEP != 0 != sep })
	if len(keys) == 0 {
		keys = s.zone.keys
	}
	var all []dns.RR
	for _, key := range keys {
		signature := &dns.RRSIG{
			Hdr:       dns.RR_Header{Ttl: set[0].Header().Ttl},
			Algorithm: key.record.Algorithm, KeyTag: key.record.KeyTag(), SignerName: s.zone.apex,
			Inception: s.inception, Expiration: s.expiry,
		}
		if err := signature.Sign(key.signer, set); err == nil { // else the other keys' signatures do
			all = append(all, signature)
		}
	}
	return all
}

// exists returns the record that proves which types a name has, and no other name beside it (RFC 9824, section 3.1).
func (s *signatures) exists(at *node, types []uint16) dns.RR { return s.nsec(at.name, types) }

// missing returns the record that says that a name does not exist (RFC 9824, section 3.1).
func (s *signatures) missing(name string) dns.RR { return s.nsec(name, []uint16{dns.TypeNXNAME}) }

func (s *signatures) nsec(name string, types []uint16) dns.RR {
	types = append(slices.Clone(types), dns.TypeRRSIG, dns.TypeNSEC)
	slices.Sort(types)
	// RFC 9077: the record is denied for as long as other denials.
	ttl := uint32(s.zone.file.TTL.Negative.Seconds())
	header := dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: ttl}
	return &dns.NSEC{Hdr: header, NextDomain: s.successor(name), TypeBitMap: slices.Compact(types)}
}

// successor returns the next name in the order of RFC 4034, section 6.1: the name with a label of one zero octet in front.
// Where that is too long, it is the name with its first label's last octet raised (RFC 4470, section 4).
func (s *signatures) successor(name string) string {
	wire, err := wireName(name)
	if err != nil || len(wire)+2 <= maxNameBytes {
		return `\000.` + name
	}
	octets := []byte(wire)
	for end := int(octets[0]); end > 0; end-- {
		if octets[end] < 0xff {
			octets[end]++
			octets[0] = byte(end)
			raised := append(octets[:end+1:end+1], wire[1+wire[0]:]...)
			if next, _, err := dns.UnpackDomainName(raised, 0); err == nil {
				return next
			}
		}
	}
	return s.zone.apex
}
